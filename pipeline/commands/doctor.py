"""``clearcut doctor``: what this machine is, what runs on it and why, and whether it works."""

import argparse
from collections.abc import Callable, Iterable, Iterator

from ..base.errors import as_clearcut_error
from ..base.words import explain
from .cache import describe_cache
from .terminal import Context, Line, Terminal


def add_arguments(doctor: argparse.ArgumentParser, terminal: Terminal) -> None:
    """``doctor`` takes none."""
    doctor.set_defaults(run=run)


def run(given: argparse.Namespace, context: Context) -> int:
    """Tell all that can be found out; what cannot is told in its place."""
    lines, worst = list[Line](), 0
    for title, look in _list_examinations(context):
        try:
            lines += list(look())
        except Exception as error:
            known = as_clearcut_error(error)
            lines.append((context.terminal.say(f"doctor.{title}"), explain(known, context.terminal.language)))
            worst = max(worst, known.exit_code)
    context.terminal.print_lines(lines)
    return worst


def _list_examinations(context: Context) -> Iterator[tuple[str, Callable[[], Iterable[Line]]]]:
    from ..manage import doctor

    settings, say = context.settings, context.terminal.say

    def told(findings: Iterable[doctor.Finding]) -> Iterator[Line]:
        for about, code, facts in findings:
            if facts.get("features") == "":
                facts = facts | {"features": say("doctor.no_features")}
            sentence = say(f"doctor.{code}", **facts) if code else str(facts["text"])
            yield say(f"doctor.{about}", default=about), sentence

    yield "processor", lambda: told(doctor.examine_processor(settings))
    yield "engines", lambda: told(doctor.examine_engines())
    yield "models", lambda: told(doctor.examine_models(settings))
    yield "cache", lambda: describe_cache(context)
    yield "self_test", lambda: told(doctor.run_self_test(context.runtime))
