"""``clearcut doctor``: prints what this machine has, which engine runs what, and a self-test."""

import argparse
from collections.abc import Callable, Iterable, Iterator

from ..base.errors import as_clearcut_error
from ..base.words import explain
from .cache import describe_cache
from .terminal import Context, Line, Terminal


def add_arguments(doctor: argparse.ArgumentParser, terminal: Terminal) -> None:
    """``doctor`` has no arguments."""
    doctor.set_defaults(run=run)


def run(given: argparse.Namespace, context: Context) -> int:
    """Print all findings; an error of one examination is printed in its place."""
    lines, worst = list[Line](), 0
    for title, examine in _list_examinations(context):
        try:
            lines += list(examine())
        except Exception as error:
            known = as_clearcut_error(error)
            lines.append((context.terminal.say(f"doctor.{title}"), explain(known, context.terminal.language)))
            worst = max(worst, known.exit_code)
    context.terminal.print_lines(lines)
    return worst


def _list_examinations(context: Context) -> Iterator[tuple[str, Callable[[], Iterable[Line]]]]:
    from ..manage import doctor

    settings, say = context.settings, context.terminal.say

    def make_lines(findings: Iterable[doctor.Finding]) -> Iterator[Line]:
        for about, code, facts in findings:
            if facts.get("features") == "":
                facts = facts | {"features": say("doctor.no_features")}
            sentence = say(f"doctor.{code}", **facts) if code else str(facts["text"])
            yield say(f"doctor.{about}", default=about), sentence

    yield "processor", lambda: make_lines(doctor.examine_processor(settings))
    yield "engines", lambda: make_lines(doctor.examine_engines())
    yield "models", lambda: make_lines(doctor.examine_models(settings))
    yield "cache", lambda: describe_cache(context)
    yield "self_test", lambda: make_lines(doctor.run_self_test(context.runtime))
