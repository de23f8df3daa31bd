"""Marks: what a person draws or clicks on a photo to say what belongs to the subject, as JSON of bounded size."""

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator

from ..base.errors import ClearcutError
from ..base.words import say
from ..pixels.geometry import Size

MOST_STROKES, MOST_POINTS = 2_000, 200_000
MOST_CLICKS = 50  # of one pick, inside and outside of it
STROKE, PICK = "a stroke", "a pick"  # what an entry is, in the places of errors
Coordinate = Annotated[float, Field(allow_inf_nan=False)]
Point = tuple[Coordinate, Coordinate]
Box = tuple[Coordinate, Coordinate, Coordinate, Coordinate]


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
    points: tuple[Point, ...] = Field(min_length=1, max_length=MOST_POINTS)


class Pick(BaseModel):
    """A subject that was clicked; places in pixels of the original, upright photo, all of them in it.

    Attributes
    ----------
    kind
        ``keep`` or ``erase``, all of it.
    include, exclude
        Points on it, and points on what does not belong to it.
    box
        Left, top, right and bottom of a frame around it. There is this or a point in `include`, or both.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["keep", "erase"]
    include: tuple[Point, ...] = Field((), max_length=MOST_CLICKS)
    exclude: tuple[Point, ...] = Field((), max_length=MOST_CLICKS)
    box: Box | None = None

    @classmethod
    def at(cls, places: str) -> Self:
        """A pick of what is at `places`, JSON of the other fields, to keep it. Raises ``bad_marks``."""
        try:
            return cls.model_validate({"kind": "keep"} | json.loads(places))
        except (ValueError, TypeError, RecursionError):
            raise _refuse("strokes", 0, PICK) from None

    @property
    def opposite(self) -> "Pick":
        """The same subject, erased instead of kept or the other way round."""
        return self.model_copy(update={"kind": "erase" if self.kind == "keep" else "keep"})

    @model_validator(mode="after")
    def _say_where(self) -> Self:
        if not self.include and self.box is None:
            raise ValueError("a point or a box")
        return self

    def find_outside(self, size: Size) -> str | None:
        """The field with a place outside a photo of `size`, or with a box without inside; None where all is well."""
        corners = () if self.box is None else (self.box[:2], self.box[2:])
        for name, points in (("include", self.include), ("exclude", self.exclude), ("box", corners)):
            if not all(0 <= x <= size[0] and 0 <= y <= size[1] for x, y in points):
                return name
        if self.box and (self.box[0] >= self.box[2] or self.box[1] >= self.box[3]):
            return "box"
        return None


def _tell_entry(given: Any) -> str:
    clicked = isinstance(given, Pick) or (isinstance(given, dict) and bool(given.keys() & {"include", "box"}))
    return PICK if clicked else STROKE


Entry = Annotated[Annotated[Stroke, Tag(STROKE)] | Annotated[Pick, Tag(PICK)], Discriminator(_tell_entry)]


class Marks(BaseModel):
    """Strokes and picks in the order in which they were made; later ones win.

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
    strokes: tuple[Entry, ...] = Field(max_length=MOST_STROKES)

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
        if sum(len(stroke.points) for stroke in marks.strokes if isinstance(stroke, Stroke)) > MOST_POINTS:
            raise _refuse("points")
        return marks.check_places()

    def check_places(self) -> Self:
        """These marks, whose picks must lie in the photo. Raises ``bad_marks``."""
        for at, pick in enumerate(self.strokes):
            if isinstance(pick, Pick) and (outside := pick.find_outside(self.size)):
                raise _refuse("strokes", at, PICK, outside)
        return self

    def make_way(self, pick: Pick) -> tuple[Self, Pick]:
        """These without the last, a pick, and `pick` in its place, of the same kind. Raises ``bad_marks``."""
        last = self.strokes[-1] if self.strokes else None
        if not isinstance(last, Pick):
            raise _refuse("strokes", max(0, len(self.strokes) - 1), PICK)
        others = type(self)(version=1, size=self.size, strokes=self.strokes[:-1])
        return others, pick.model_copy(update={"kind": last.kind})

    def list_picks(self) -> Self:
        """The picks among these, alone."""
        picks = tuple(each for each in self.strokes if isinstance(each, Pick))
        return type(self)(version=1, size=self.size, strokes=picks)

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
    stroke = int(place[1]) + 1 if len(place) > 1 and place[0] == "strokes" else None
    unit = f"marks.{'whole' if len(place) < 2 else 'pick' if PICK in place else 'stroke'}.unit"
    at = ".".join(str(step) for step in place if step not in (STROKE, PICK))[:100] or "{"
    return ClearcutError("bad_marks", at=at, stroke=stroke, unit=unit, accepted=say(unit))
