"""Command-line flags made from the fields of a settings or options model."""

import argparse
from argparse import SUPPRESS, ArgumentParser, BooleanOptionalAction, Namespace, _ArgumentGroup
from typing import TYPE_CHECKING, Any

from ..base.words import FALLBACK, load_words, say

if TYPE_CHECKING:
    from pydantic import BaseModel


def speak_argparse(language: str) -> None:
    """Let argparse's own words (usage, options, its complaints) be in `language`. For the door of a program.

    argparse takes them from ``gettext``, for which Python ships no translations: what it asks is looked up in the
    locale files, where the English words under ``cli.parser.`` are its own.
    """
    own, ours = load_words(FALLBACK), load_words(language)
    translated = {text: ours[key] for key, text in own.items() if key.startswith("cli.parser.")}
    argparse._ = lambda text: translated.get(text, text)  # type: ignore[attr-defined]

    def choose_form(one: str, many: str, number: int) -> str:
        form = one if number == 1 else many
        return translated.get(form, form)

    argparse.ngettext = choose_form  # type: ignore[attr-defined]


def add_flags(parser: ArgumentParser | _ArgumentGroup, model: "type[BaseModel]", prefix: str, language: str) -> None:
    """Add a flag to `parser` for each field of `model`.

    Values stay text, since the model checks them: its limits stand in one place.

    Parameters
    ----------
    prefix, language
        ``option`` or ``setting``: the help is ``<prefix>.<field>.help`` of the locale files.
    """
    from ..base.fields import is_switch  # pydantic, which --version and a wrong word need not wait for

    for name, field in model.model_fields.items():
        words = say(f"{prefix}.{name}.help", language).replace("%", "%%")
        flag = "--" + name.replace("_", "-")
        if is_switch(field):
            one_way = field.default is False and prefix != "option"  # a preset may have switched an option on
            action = "store_true" if one_way else BooleanOptionalAction
            parser.add_argument(flag, dest=name, action=action, default=SUPPRESS, help=words)
        else:
            metavar = say(f"{prefix}.{name}.unit", language, default=name.rpartition("_")[2].upper())
            parser.add_argument(flag, dest=name, default=SUPPRESS, metavar=metavar, help=words)


def pick_given_values(arguments: Namespace, model: "type[BaseModel]") -> dict[str, Any]:
    """The fields of `model` that were given on the command line, by name."""
    return {name: value for name, value in vars(arguments).items() if name in model.model_fields}
