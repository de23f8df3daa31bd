"""What can be read from the fields of a pydantic model: whether one is a switch, and which values it accepts."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from .words import FALLBACK, load_words, say

SIGNS = {"ge": "≥", "gt": ">", "le": "≤"}


def describe_accepted(model: type[BaseModel], name: str) -> str:
    """The values that the field `name` accepts, for an error message: ``0–50``, ``≥ 1``, ``0, 1`` or ``a, b``.

    Where `model` has no field of that name, the names of its fields.

    >>> from .settings import Settings
    >>> describe_accepted(Settings, "cache_days"), describe_accepted(Settings, "cache")
    ('> 0', '0, 1')
    """
    field = model.model_fields.get(name)
    if field is None:
        return ", ".join(model.model_fields)
    if is_switch(field):
        return "0, 1"
    if names := list(_find_literals(field.annotation)):
        return ", ".join(map(str, names))
    limits = {kind: getattr(each, kind) for each in _find_limits(field) for kind in SIGNS if hasattr(each, kind)}
    if "ge" in limits and "le" in limits:
        return f"{limits['ge']}–{limits['le']}"
    if limits:
        return ", ".join(f"{sign} {limits[kind]}" for kind, sign in SIGNS.items() if kind in limits)
    return say(find_unit(name) or "", default="…")


def describe_refusal(model: type[BaseModel], name: str) -> dict[str, str]:
    """The facts of an error about a value of the field `name`: what it accepts, and the key of the words for that.

    ``accepted`` is for programs and in English; where it is words rather than signs, ``unit`` is their key.
    """
    facts, unit = {"accepted": describe_accepted(model, name)}, find_unit(name)
    return facts | {"unit": unit} if unit and facts["accepted"] == say(unit) else facts


def find_unit(name: str) -> str | None:
    """The key of the words for what the field `name` is measured in, or looks like."""
    keys = (f"option.{name}.unit", f"setting.{name}.unit")
    return next((key for key in keys if key in load_words(FALLBACK)), None)


def is_switch(field: FieldInfo) -> bool:
    """Whether the field is a boolean, or a union with one."""
    return field.annotation is bool or bool in get_args(field.annotation)


def _find_limits(field: FieldInfo) -> Iterator[Any]:
    """The limits of a field, also of those inside a union such as ``Megabytes | None``."""
    yield from field.metadata
    for part in get_args(field.annotation):
        if get_origin(part) is Annotated:
            for each in get_args(part)[1:]:
                yield from getattr(each, "metadata", [each])


def _find_literals(annotation: Any) -> Iterator[Any]:
    """The values of a ``Literal``, or of a union of them."""
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    else:
        for part in get_args(annotation):
            yield from _find_literals(part)
