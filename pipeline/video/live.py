"""A live picture, such as a camera's: mattes frame by frame, as soon as they can be had, with memory between them."""

from statistics import median
from time import perf_counter

import numpy as np

from ..base.jobs import Job
from ..inference.runtime import Runtime
from ..options.options import Options
from ..pixels.geometry import Size, fit_size
from ..pixels.image_io import Photo
from ..pixels.resample import resize_for_work
from ..registry import weights
from ..registry.cards import ModelCard
from ..registry.catalog import list_preferred
from ..stages import make_matte
from .choosing import find_people_model
from .predictor import ClipPredictor

SIDE = 384  # pixels of the longer side that networks of any size are shown: what is live cannot wait for more
SLOWEST = 1 / 12  # seconds a frame, beyond which a quicker model is better
TRIED = 8  # frames after which that is known; the first one loads the network
MADE_FOR = "video"  # what a card of the catalogue says it is good for


def list_live_models(runtime: Runtime) -> list[str]:
    """The installed models for live pictures, the best first: one with a memory, then the others made for video.

    Where there are none, the quickest of those that ``automatic`` may stand for. Raises ``model_missing``.
    """
    people = find_people_model(runtime)
    others = (card for card in runtime.list_models().values() if isinstance(card, ModelCard) and not card.states)
    quick = [card.name for card in others if MADE_FOR in card.good_for and weights.is_installed(card, runtime.settings)]
    found = [*([people] if people else []), *quick]
    if not found:
        card = runtime.find_card(list_preferred()[-1])
        weights.require(card, runtime.settings)
        found = [card.name]
    return found


class LivePredictor:
    """Mattes for the frames of one live picture, in order. Frames in between may be missing.

    A model that turns out to be too slow on this machine makes place for the next one.

    Attributes
    ----------
    model
        The name of the model in use.

    Raises
    ------
    ClearcutError
        ``model_missing``, ``broken_weights``
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime, self._models = runtime, list_live_models(runtime)
        self._size: Size | None = None
        self._use_next()

    def find_matte(self, photo: Photo) -> np.ndarray:
        """The matte of the next frame, ``(H, W)`` uint8. Raises as `predict`."""
        start = perf_counter()
        if photo.size != self._size:  # another camera, or one that was turned
            self._predictor.restore({}, 0)
            self._size = photo.size
        predicted = self._predictor.predict(Photo(resize_for_work(photo.rgb, fit_size(photo.size, SIDE))))
        matte = make_matte(photo, predicted.prediction, self._options)
        self._seconds.append(perf_counter() - start)
        if len(self._seconds) == TRIED and self._models and median(self._seconds[1:]) > SLOWEST:
            self._use_next()
        return matte

    def _use_next(self) -> None:
        self.model = self._models.pop(0)
        self._options = Options(model=self.model, precision="fast")
        self._predictor = ClipPredictor(self._options, self._runtime, Job())
        self._seconds: list[float] = []
