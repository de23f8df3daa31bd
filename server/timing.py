"""Timing the engines for the models that have cut something out, in the background and once, when nothing else runs."""

import logging
import threading
from contextlib import suppress

from pipeline import ClearcutError, Runtime, list_untimed, measure_load, time_engines

from .activity import Activity

LOOK_SECONDS = 5.0  # between looks
QUIET_SECONDS = 2.0  # in which the machine has to do next to nothing before a timing begins
QUIET = 0.15  # share of its time
MOST = 5  # timings that are begun; those that a request has ended count
log = logging.getLogger("clearcut")


def time_when_idle(runtime: Runtime, activity: Activity, stop: threading.Event) -> None:
    """Time until all models that were used have been, or the server stops. What is chosen counts from its next start.

    For a thread of its own, which ends where it cannot be done here.
    """
    begun = 0

    def go_on() -> bool:
        return not (stop.is_set() or activity.running or runtime.slots.running)

    with suppress(ClearcutError):  # nothing can be kept
        while begun < MOST and not stop.wait(LOOK_SECONDS):
            used = [runtime.find_card(name) for name in sorted(activity.models)]
            untimed = [network for card in used for network in list_untimed(card, runtime.settings)]
            if untimed and go_on() and (measure_load(QUIET_SECONDS) or 0) < QUIET and go_on():
                begun += 1
                if timing := time_engines(untimed[0], runtime.settings, go_on):
                    log.info("timed for %s: %s", timing.model, timing.seconds)
