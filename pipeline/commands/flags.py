"""Command-line flags made from the fields of a settings or options model."""

import argparse
import sys
from argparse import SUPPRESS, Action, ArgumentParser, HelpFormatter, Namespace, _ArgumentGroup
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..base.errors import ClearcutError
from ..base.words import FALLBACK, load_words, say

if TYPE_CHECKING:
    from pydantic import BaseModel

YES, NO = "1", "0"
TRUTHS = {YES, NO, "true", "false", "yes", "no", "on", "off"}  # what may follow a switch as a word of its own


LONGEST = 1_000_000  # seconds that may be waited for anything


class Switch(Action):
    """The flag of a boolean: ``--crop``, ``--crop 1``, ``--crop=off``; ``--no-crop`` where there is one.

    The value stays text, since the model checks it.
    """

    def __init__(self, option_strings: Sequence[str], dest: str, **how: Any) -> None:
        super().__init__(option_strings, dest, nargs="?", const=True, metavar=f"{NO}|{YES}", **how)

    @property
    def negative(self) -> str | None:
        """The flag that says no, if there is one."""
        return self.option_strings[1] if len(self.option_strings) > 1 else None

    def __call__(self, parser: ArgumentParser, namespace: Namespace, values: Any, option_string: Any = None) -> None:
        """Note the value, which ``--no-crop`` says itself."""
        if option_string == self.negative:
            if values is not self.const:
                words = argparse._("ignored explicit argument %r") % values  # type: ignore[attr-defined]
                parser.error(f"{option_string}: {words}")
            values = NO
        setattr(namespace, self.dest, YES if values is self.const else values)


class _Formatter(HelpFormatter):
    """Help that shows of a switch how each of its flags is written."""

    def _format_action_invocation(self, action: Action) -> str:
        if isinstance(action, Switch):
            yes, *no = action.option_strings
            return ", ".join([f"{yes} [{action.metavar}]", *no])
        return super()._format_action_invocation(action)


class Parser(ArgumentParser):
    """A parser that takes what follows a switch for its value only where it says yes or no, else for a photo."""

    def __init__(self, *given: Any, **how: Any) -> None:
        super().__init__(*given, **{"formatter_class": _Formatter} | how)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As every parser, once each switch and its value are one word; photos may also stand behind flags."""
        words = sys.argv[1:] if args is None else list(args)
        given, rest = super().parse_known_args(list(self._join_switches(words)), namespace)
        several = [each.dest for each in self._get_positional_actions() if each.nargs in ("+", "*")]
        if several and not any(word.startswith("-") and word != "-" for word in rest):
            setattr(given, several[-1], [*getattr(given, several[-1]), *rest])
            rest = []
        return given, rest

    def _join_switches(self, words: list[str]) -> Iterator[str]:
        at = 0
        while at < len(words):
            word, at = words[at], at + 1
            if word == "--":
                yield from words[at - 1 :]
                return
            switch, flag = self._find_switch(word)
            if switch is None:
                yield word
            elif flag == switch.negative:
                yield f"{switch.option_strings[0]}={NO}"
            elif at < len(words) and words[at].lower() in TRUTHS:
                yield f"{flag}={words[at]}"
                at += 1
            else:
                yield f"{flag}={YES}"

    def _find_switch(self, word: str) -> tuple[Switch | None, str]:
        """The switch that `word` names, in full or by its beginning, and the flag in full."""
        flags = self._option_string_actions
        names = [word] if word in flags else [flag for flag in flags if word.startswith("--") and flag.startswith(word)]
        action = flags[names[0]] if len(names) == 1 else None
        return (action, names[0]) if isinstance(action, Switch) else (None, word)


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


def add_flags(
    parser: ArgumentParser | _ArgumentGroup,
    model: "type[BaseModel]",
    prefix: str,
    language: str,
    without: Sequence[str] = (),
) -> None:
    """Add a flag to `parser` for each field of `model`.

    Values stay text, since the model checks them: its limits stand in one place.

    Parameters
    ----------
    prefix, language
        ``option`` or ``setting``: the help is ``<prefix>.<field>.help`` of the locale files.
    without
        Fields that get none.
    """
    from ..base.fields import is_switch  # pydantic, which --version and a wrong word need not wait for

    for name, field in model.model_fields.items():
        if name in without:
            continue
        words = say(f"{prefix}.{name}.help", language).replace("%", "%%")
        flag = "--" + name.replace("_", "-")
        if is_switch(field):
            one_way = field.default is False and prefix != "option"  # a preset may have switched an option on
            names = [flag] if one_way else [flag, flag.replace("--", "--no-", 1)]
            parser.add_argument(*names, dest=name, action=Switch, default=SUPPRESS, help=words)
        else:
            metavar = say(f"{prefix}.{name}.unit", language, default=name.rpartition("_")[2].upper())
            parser.add_argument(flag, dest=name, default=SUPPRESS, metavar=metavar, help=words)


def check_numbers(given: Namespace) -> None:
    """Raise ``bad_option`` where ``--workers`` or ``--timeout`` make no sense."""
    if (given.workers or 0) < 0:
        raise ClearcutError("bad_option", name="workers", value=str(given.workers), accepted="0, 1, 2 …")
    if not 0 < given.timeout <= LONGEST:
        raise ClearcutError("bad_option", name="timeout", value=f"{given.timeout:g}", accepted=f"> 0, ≤ {LONGEST}")


def pick_given_values(arguments: Namespace, model: "type[BaseModel]") -> dict[str, Any]:
    """The fields of `model` that were given on the command line, by name."""
    return {name: value for name, value in vars(arguments).items() if name in model.model_fields}
