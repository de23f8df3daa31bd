"""What the worker process does with live pictures: a frame in, its matte out; what it knows of each stays in memory."""

from collections.abc import Callable
from typing import NamedTuple

from pipeline import LivePredictor, Runtime, decode, encode_stencil, prepare_process

from .cutter import Order

MEGAPIXELS = 1.0  # that a frame may have


class FrameTask(NamedTuple):
    """The next frame of a live picture, as a file."""

    id: str
    frame: bytes


class Forget(NamedTuple):
    """A live picture that is over."""

    id: str


class LiveMatte(NamedTuple):
    """The matte of a frame as a PNG, see `encode_stencil`, and the model that found it."""

    data: bytes
    model: str


def prepare(order: Order) -> Callable[[FrameTask | Forget], LiveMatte | None]:
    """What the worker process calls for each task; for `WorkerPool`."""
    prepare_process()
    runtime = Runtime(order.settings)
    if order.automatic:
        runtime.settle_automatic(order.automatic)
    predictors: dict[str, LivePredictor] = {}

    def work(task: FrameTask | Forget) -> LiveMatte | None:
        if isinstance(task, Forget):
            predictors.pop(task.id, None)
            return None
        photo = decode(task.frame, max_megapixels=MEGAPIXELS)
        if task.id not in predictors:
            predictors[task.id] = LivePredictor(runtime)
        matte = predictors[task.id].find_matte(photo)
        return LiveMatte(encode_stencil(matte), predictors[task.id].model)

    return work
