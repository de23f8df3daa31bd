"""What the fields of a settings or options model tell: their command-line flags, and the values that they take."""

from argparse import SUPPRESS, ArgumentParser, BooleanOptionalAction, Namespace, _ArgumentGroup
from collections.abc import Collection, Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from .words import say


def add_flags(
    parser: ArgumentParser | _ArgumentGroup, model: type[BaseModel], prefix: str, only: Collection[str] = ()
) -> None:
    """Give `parser` a flag for each field of `model` (or those in `only`); help is ``<prefix>.<field>.help``.

    Values stay text: the model itself checks them, so that a limit stands in one place.
    """
    for name, field in model.model_fields.items():
        if only and name not in only:
            continue
        words = say(f"{prefix}.{name}.help").replace("%", "%%")
        flag = "--" + name.replace("_", "-")
        if _is_switch(field):
            one_way = field.default is False and prefix != "option"  # a preset may have switched an option on
            action = "store_true" if one_way else BooleanOptionalAction
            parser.add_argument(flag, dest=name, action=action, default=SUPPRESS, help=words)
        else:
            metavar = say(f"{prefix}.{name}.unit", default=name.rpartition("_")[2].upper())
            parser.add_argument(flag, dest=name, default=SUPPRESS, metavar=metavar, help=words)


def given_values(arguments: Namespace, model: type[BaseModel]) -> dict[str, Any]:
    """The fields of `model` that were given on the command line."""
    return {name: value for name, value in vars(arguments).items() if name in model.model_fields}


def accepted_values(model: type[BaseModel], name: str) -> str:
    """The values that the field `name` takes, in signs rather than words: ``0–50``, ``≥ 1``, ``0, 1``, ``a, b``.

    For a name that is no field: the names that are.
    """
    field = model.model_fields.get(name)
    if field is None:
        return ", ".join(model.model_fields)
    if _is_switch(field):
        return "0, 1"
    if names := list(_literals(field.annotation)):
        return ", ".join(map(str, names))
    limits = {
        kind: getattr(each, kind) for each in field.metadata for kind in ("ge", "gt", "le") if hasattr(each, kind)
    }
    if "ge" in limits and "le" in limits:
        return f"{limits['ge']}–{limits['le']}"
    if limits:
        return ", ".join(f"{sign} {limits[kind]}" for kind, sign in (("ge", "≥"), ("gt", ">")) if kind in limits)
    return say(f"option.{name}.unit", default=say(f"setting.{name}.unit", default="…"))


def _is_switch(field: FieldInfo) -> bool:
    return field.annotation is bool or bool in get_args(field.annotation)


def _literals(annotation: Any) -> Iterator[Any]:
    """The values that a ``Literal``, or a union of them, allows."""
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    else:
        for part in get_args(annotation):
            yield from _literals(part)
