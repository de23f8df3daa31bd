"""What commands are given: settings, and the terminal that they print to."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..base.errors import ClearcutError
from ..base.words import FALLBACK, explain, say

if TYPE_CHECKING:
    from ..base.settings import Settings
    from ..inference.helper import Helper
    from ..inference.pool import Loader
    from ..inference.runtime import Runtime

Line = tuple[str, str]  # a title and a sentence


@dataclass(frozen=True)
class Terminal:
    """A terminal whose user reads `language`."""

    language: str = FALLBACK

    def say(self, key: str, /, default: str | None = None, **facts: Any) -> str:
        """The sentence under `key`, in the user's language."""
        return say(key, self.language, default=default, **facts)

    def complain(self, error: ClearcutError) -> int:
        """Print the sentence for `error` to standard error; its exit code."""
        print(explain(error, self.language), file=sys.stderr)
        return error.exit_code

    def note(self, sentence: str) -> None:
        """Print a sentence to standard error."""
        print(sentence, file=sys.stderr)

    def print_lines(self, lines: Iterable[Line]) -> None:
        """Print titles and sentences in two columns."""
        lines = list(lines)
        width = max(len(title) for title, _ in lines)
        for title, sentence in lines:
            print(f"{title.ljust(width)}  {sentence}")


@dataclass(frozen=True)
class Context:
    """What a command is given beside its arguments.

    Attributes
    ----------
    terminal, settings
        Where it prints, and this machine's settings.
    helper
        A helper process that can load a network while this one starts, if there is one.
    load
        Loads networks, in a process that keeps them; None: they go with the runtime.
    """

    terminal: Terminal
    settings: "Settings"
    helper: "Helper | None" = None
    load: "Loader | None" = None

    @cached_property
    def runtime(self) -> "Runtime":
        """A runtime, made when it is first used: many commands need none."""
        from ..base.process import prepare_pictures
        from ..inference.runtime import Runtime

        prepare_pictures()
        return Runtime(self.settings, self.load) if self.load else Runtime(self.settings)
