"""Command-line flags made from the fields of a settings or options model, so that neither is written twice."""

from argparse import SUPPRESS, ArgumentParser, BooleanOptionalAction, Namespace, _ArgumentGroup
from collections.abc import Collection
from typing import Any

from pydantic import BaseModel

from .words import say


def add_arguments(
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
        if field.annotation is bool:
            action = BooleanOptionalAction if field.default is True else "store_true"
            parser.add_argument(flag, dest=name, action=action, default=SUPPRESS, help=words)
        else:
            metavar = say(f"{prefix}.{name}.unit", default=name.rpartition("_")[2].upper())
            parser.add_argument(flag, dest=name, default=SUPPRESS, metavar=metavar, help=words)


def chosen(arguments: Namespace, model: type[BaseModel]) -> dict[str, Any]:
    """The fields of `model` that were given on the command line."""
    return {name: value for name, value in vars(arguments).items() if name in model.model_fields}
