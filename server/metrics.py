"""The figures that Prometheus collects at ``/metrics``."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from .activity import Activity, Load
from .records import Record

BUCKETS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30)  # seconds


class Metrics:
    """Counts and durations of one server, in a registry of its own.

    Parameters
    ----------
    activity
        Knows the requests that run.
    loads
        Tell how much there is to do, by the kind of workers that does it.
    """

    def __init__(self, activity: Activity, loads: Mapping[str, Callable[[], Load]]) -> None:
        self.registry = CollectorRegistry()
        own: Any = {"registry": self.registry, "namespace": "clearcut"}
        self._requests = Counter("requests", "Requests", ["route", "method", "status"], **own)
        self._seconds = Histogram("request_seconds", "How long requests take", ["route"], buckets=BUCKETS, **own)
        self._cutouts = Counter(
            "cutouts", "Cut-outs, by the route that made them, or the page", ["route", "model", "cached"], **own
        )
        self._megapixels = Counter("cutout_megapixels", "Their size", ["model"], **own)
        self._steps = Histogram("step_seconds", "How long their steps take", ["step"], buckets=BUCKETS, **own)
        self._errors = Counter("errors", "Requests that were answered with an error, by its code", ["code"], **own)
        Gauge("running", "Requests that run now", **own).set_function(lambda: activity.running)
        kinds = {
            "waiting": Gauge("tasks_waiting", "What waits for workers: requests, batches, videos", ["work"], **own),
            "running": Gauge("tasks_running", "What workers are at", ["work"], **own),
            "workers": Gauge("workers", "Worker processes that live", ["work"], **own),
        }
        for work, load in loads.items():
            for name, gauge in kinds.items():
                gauge.labels(work).set_function(partial(_read, load, name))
        Gauge("ready", "Whether the model is loaded", **own).set_function(lambda: activity.is_warm)

    def count(self, record: Record) -> None:
        """Count what is over."""
        if record.is_request:
            self._requests.labels(record.route, record.method, record.status).inc()
            self._seconds.labels(record.route).observe(record.seconds)
        if record.outcome != "ok":
            self._errors.labels(record.outcome).inc()
        if record.model:
            self._cutouts.labels(record.route, record.model, str(record.cached).lower()).inc()
            self._megapixels.labels(record.model).inc(record.megapixels)
            for step, seconds in record.steps.items():
                self._steps.labels(step).observe(seconds)

    def write(self) -> bytes:
        """All of them, in the text form of Prometheus."""
        return generate_latest(self.registry)


def _read(load: Callable[[], Load], name: str) -> float:
    return float(getattr(load(), name))
