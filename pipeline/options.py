"""What a user can ask for. One field is one option on the page, the command line and the API alike."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from .arguments import accepted
from .errors import ClearcutError
from .settings import Settings


def _listed(value: Any) -> Any:
    """Text as a form or a command line gives it, separated by commas, as a list."""
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_listed, json_schema_input_type=str | list[str])]


def _machines_default() -> str:
    return Settings.current().model


class Options(BaseModel):
    """What to do with one photo. JSON values only; the words for each field are ``option.<field>`` in the locale files.

    Parameters
    ----------
    model
        Name of an entry of the model catalogue; without it the machine's default.
    feather
        Softness of the edge in pixels of the original: the width of the soft band on each side. 0 leaves the matte as
        the network gave it.
    keep
        Of a model that tells classes apart (garments, say), those that are the subject; without any, all of them.
    precision
        Of the network. ``exact``: within half a grey level, on the mean of any photo, of 32 bits in onnxruntime;
        ``fast``: as good on pictures with truth, where this machine gains by it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model: str = Field(default_factory=_machines_default, min_length=1, max_length=100)
    feather: float = Field(0.0, ge=0, le=50, allow_inf_nan=False)
    keep: Names = Field((), max_length=50)
    precision: Literal["exact", "fast"] = "exact"

    @classmethod
    def of(cls, /, **values: Any) -> Self:
        """Options from loose values, as a form or a command line gives them.

        Raises
        ------
        ClearcutError
            ``bad_option`` names the first option that cannot be.
        """
        try:
            return cls(**values)
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0]) if first["loc"] else "options"
            facts = {"value": str(first["input"])[:100], "accepted": accepted(cls, name)}
            raise ClearcutError("bad_option", name=name, **facts) from None
