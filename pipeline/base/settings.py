"""This machine's settings, read once where a program starts and passed on as a value."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from .errors import ClearcutError
from .fields import describe_refusal
from .files import Store

PREFIX = "CLEARCUT_"
ROOT = Path(__file__).parents[2]
EngineName = Literal["cpu", "cuda", "rocm", "directml", "coreml", "openvino", "mnn"]
Megabytes = Annotated[float, Field(gt=0)]
Value = TypeVar("Value")


class _Facts(dict[str, Any]):
    """Facts by name, which are not among the settings: those with and without are equal."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Facts)

    __hash__ = None


class Settings(BaseModel):
    """This machine's settings; the words for each field are ``setting.<field>.*`` in the locale files.

    >>> Settings(cache=False).model
    'automatic'
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model: str = "automatic"
    models_dir: Path = ROOT / "models"
    models_mirror: str | None = None
    offline: bool = False
    engine: Literal["auto"] | EngineName = "auto"
    measure: bool = True
    threads: int = Field(0, ge=0)
    max_mb: Megabytes | None = None
    max_megapixels: float | None = Field(None, gt=0)
    max_frames: int | None = Field(None, ge=1)
    cache: bool = True
    cache_mb: float = Field(256, ge=0)
    cache_dir: Path = ROOT / "cache"
    cache_disk_mb: float = Field(256, ge=0)
    cache_days: float = Field(30, gt=0)
    pool_mb: Megabytes = 4096
    slots: int = Field(1, ge=1)
    workers: int = Field(0, ge=0)
    _facts: _Facts = PrivateAttr(default_factory=_Facts)

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in values.items() if value != ""}

    @classmethod
    def read(cls, environ: Mapping[str, str], **given: Any) -> Self:
        """Settings from environment variables and from what was given beside them, such as flags.

        Parameters
        ----------
        environ
            Variables; ``CLEARCUT_<FIELD>`` sets a field, an empty one counts as unset.
        given
            Fields by name; they win over `environ`.

        Raises
        ------
        ClearcutError
            ``bad_setting`` for a value that its field does not accept.

        Examples
        --------
        >>> Settings.read({"CLEARCUT_SLOTS": "2"}, offline=True).slots
        2
        """
        values = {name: environ.get(PREFIX + name.upper(), "") for name in cls.model_fields} | given
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0])
            facts = {"value": str(first["input"]), **describe_refusal(cls, name)}
            raise ClearcutError("bad_setting", name=PREFIX + name.upper(), **facts) from None

    def remember(self, name: str, read: Callable[[], Value]) -> Value:
        """What `read` told when it was first asked under `name`, whatever it would tell now.

        A program, with all copies of its settings and the workers that are given them, goes by it until it ends.
        """
        if name not in self._facts:
            self._facts.setdefault(name, read())
        value: Value = self._facts[name]
        return value

    def with_fact(self, name: str, value: Any) -> Self:
        """A copy, of which `remember` tells `value` under `name`, for part of a program's work."""
        copy = self.model_copy()
        copy._facts = _Facts(self._facts | {name: value})
        return copy

    @property
    def store(self) -> Store:
        """The cache folder."""
        return Store(self.cache_dir)
