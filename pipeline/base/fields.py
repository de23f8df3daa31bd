"""What can be read from the fields of a pydantic model: whether one is a switch, and which values it accepts."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from .words import say

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
    return say(f"option.{name}.unit", default=say(f"setting.{name}.unit", default="…"))


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
