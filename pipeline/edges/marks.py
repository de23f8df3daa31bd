"""Marks: strokes that a person draws on a photo to say what belongs to the subject, as JSON of bounded size."""

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..base.errors import ClearcutError
from ..base.words import say
from ..pixels.geometry import Size

MOST_STROKES, MOST_POINTS = 2_000, 200_000
Coordinate = Annotated[float, Field(allow_inf_nan=False)]


class Stroke(BaseModel):
    """One stroke of a round brush; lengths in pixels of the original, upright photo.

    Attributes
    ----------
    kind
        ``keep``: belongs to the subject. ``erase``: does not. ``unsure``: to be found out from the photo's colours.
    radius
        Of the brush.
    exact
        Whether what is under the brush changes as it is; without it, the edge near the stroke is found in the photo.
    soft
        The share of the radius over which the rim of an exact stroke fades.
    points
        The line that the brush's middle was drawn along; a single point is a dot. They may lie outside the photo.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["keep", "erase", "unsure"]
    radius: float = Field(ge=0.5, le=2000, allow_inf_nan=False)
    exact: bool = False
    soft: float = Field(0.0, ge=0, le=1, allow_inf_nan=False)
    points: tuple[tuple[Coordinate, Coordinate], ...] = Field(min_length=1, max_length=MOST_POINTS)


class Marks(BaseModel):
    """Strokes in the order in which they were drawn; later ones win.

    Attributes
    ----------
    MOST_BYTES
        That their JSON may have.

    Examples
    --------
    >>> stroke = {"kind": "keep", "radius": 3, "points": [[4, 5]]}
    >>> marks = Marks.of({"version": 1, "size": [40, 30], "strokes": [stroke]})
    >>> marks.strokes[0].exact
    False
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    MOST_BYTES: ClassVar[int] = 4_000_000

    version: Literal[1]
    size: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]
    strokes: tuple[Stroke, ...] = Field(max_length=MOST_STROKES)

    @classmethod
    def of(cls, given: str | bytes | Mapping[str, Any]) -> Self:
        """Marks from JSON, or from what JSON was read into.

        Raises
        ------
        ClearcutError
            ``bad_marks``, with the place in the JSON (``at``) that does not fit, and in which stroke, counted from 1.
        """
        text = given if isinstance(given, (str, bytes)) else _write_json(given)
        if len(text) > cls.MOST_BYTES:
            raise _refuse("bytes")
        try:
            marks = cls.model_validate_json(text)
        except ValidationError as error:
            place = error.errors(include_url=False, include_input=False)[0]["loc"]
            raise _refuse(*place) from None
        if sum(len(stroke.points) for stroke in marks.strokes) > MOST_POINTS:
            raise _refuse("points")
        return marks

    def check_size(self, size: Size) -> Self:
        """These marks, which must have been drawn on a photo of `size`. Raises ``bad_marks``."""
        if self.size != size:
            raise _refuse("size")
        return self

    @cached_property
    def digests(self) -> tuple[bytes, ...]:
        """For none, one, two … strokes what tells them from all other strokes."""
        digest, digests = hashlib.sha256(), [b""]
        for stroke in self.strokes:
            digest.update(stroke.model_dump_json().encode())
            digests.append(digest.digest())
        return tuple(digests)


def _write_json(given: Mapping[str, Any]) -> str:
    try:
        return json.dumps(given)
    except (TypeError, ValueError, RecursionError):
        raise _refuse() from None


def _refuse(*place: str | int) -> ClearcutError:
    """The error of marks in which something does not fit at `place`, a path into the JSON; none where it is no JSON."""
    unit = f"marks.{'stroke' if len(place) > 1 else 'whole'}.unit"
    stroke = int(place[1]) + 1 if len(place) > 1 and place[0] == "strokes" else None
    at = ".".join(map(str, place))[:100] or "{"
    return ClearcutError("bad_marks", at=at, stroke=stroke, unit=unit, accepted=say(unit))
