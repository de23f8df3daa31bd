"""What a network says of a clip, frame by frame: with its own memory where it has one, else made steady in time."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..base.jobs import Job
from ..inference import engines
from ..inference.looks import FRAME
from ..inference.networks import find_family
from ..inference.predict import PredictionResult, flatten
from ..inference.runtime import Runtime
from ..inference.sessions import load_session
from ..options.options import Options
from ..pixels.image_io import Photo
from ..registry import weights
from ..registry.cards import ModelCard
from ..stages import find_subject
from .cuts import CutDetector
from .smoothing import MatteSmoother

Known = dict[str, np.ndarray]  # what is known of the frames before, as arrays by name


class RecurrentPredictor:
    """A network with a memory, such as RVM: its states go from frame to frame, and start anew at a cut."""

    def __init__(self, card: ModelCard, options: Options, runtime: Runtime, job: Job) -> None:
        weights.require(card, runtime.settings)
        job.enter("loading")
        planned = engines.choose_plan(card, options.precision, runtime.settings)
        self._session = load_session(card, planned, runtime.settings, with_states=True)
        self._card, self._family, self._job = card, find_family(card), job
        self._states: Mapping[str, np.ndarray] | None = None

    def predict(self, photo: Photo, is_cut: bool) -> PredictionResult:
        """What the network says of the next frame."""
        self._job.enter("finding")
        fed = self._family.feed(flatten(photo), self._card, None if is_cut else self._states)
        results = self._session.run(fed.inputs, self._job)
        self._states = self._family.read_states(results)
        prediction = self._family.read(results, self._card, fed).round_matte()
        return PredictionResult(prediction, self._session.engine, self._session.warnings)

    def save(self) -> Known:
        """What it knows of the frames before."""
        return dict(self._states or {})

    def restore(self, known: Known) -> None:
        """Go on with what `save` gave."""
        self._states = known or None


class StillPredictor:
    """A network for still pictures: each frame for itself, made steady along the movement where that is asked for."""

    def __init__(self, options: Options, runtime: Runtime, job: Job, smooth: bool) -> None:
        self._options, self._runtime, self._job = options, runtime, job
        self._smoother = MatteSmoother() if smooth else None

    def predict(self, photo: Photo, is_cut: bool) -> PredictionResult:
        """What the network says of the next frame."""
        found = find_subject(photo, self._options, self._runtime, self._job, cache=False, effort=FRAME)
        if self._smoother is None:
            return found
        if is_cut:
            self._smoother.reset()
        return smooth_prediction(found, photo, self._smoother)

    def save(self) -> Known:
        """What it knows of the frames before."""
        return self._smoother.save() if self._smoother else {}

    def restore(self, known: Known) -> None:
        """Go on with what `save` gave."""
        if self._smoother:
            self._smoother.restore(known)


def smooth_prediction(found: PredictionResult, photo: Photo, smoother: MatteSmoother) -> PredictionResult:
    """What was found in the next frame, made steady; a matte of hard labels and an exact one stay as they are."""
    prediction = found.prediction
    if prediction.labels is not None or prediction.exact or prediction.matte.size == 1:
        return found
    return found._replace(prediction=replace(prediction, matte=smoother.smooth(prediction.matte, photo.rgb)))


class ClipPredictor:
    """Predictions for the frames of a clip, in order; what is known of the frames before can be saved and restored.

    Parameters
    ----------
    options
        Their model by its own name.
    smooth
        Whether a model without a memory is made steady in time.

    Attributes
    ----------
    scene
        The number of the first frame of the scene that the last frame belongs to.
    """

    def __init__(self, options: Options, runtime: Runtime, job: Job, smooth: bool = True) -> None:
        card = runtime.find_cutter(options.model)
        self._one: RecurrentPredictor | StillPredictor
        if isinstance(card, ModelCard) and card.states and options.key == "off" and options.own_alpha != "keep":
            self._one = RecurrentPredictor(card, options, runtime, job)
        else:
            self._one = StillPredictor(options, runtime, job, smooth)
        self._detector = CutDetector()
        self.scene = self._number = 0

    def predict(self, photo: Photo) -> PredictionResult:
        """What the network says of the next frame."""
        is_cut = self._detector.is_cut(photo.rgb)
        if is_cut:
            self.scene = self._number
        self._number += 1
        return self._one.predict(photo, is_cut)

    def save(self) -> Known:
        """What it knows of the frames before."""
        own = {f"network.{name}": each for name, each in self._one.save().items()}
        cuts = {f"cuts.{name}": each for name, each in self._detector.save().items()}
        return own | cuts | {"scene": np.array(self.scene)}

    def restore(self, known: Known, number: int) -> None:
        """Go on before frame `number` with what `save` gave; with nothing, a scene begins there."""
        self._one.restore(_pick(known, "network."))
        self._detector.restore(_pick(known, "cuts."))
        self._number, self.scene = number, int(known.get("scene", np.array(number)))


def _pick(known: Known, prefix: str) -> Known:
    return {name.removeprefix(prefix): each for name, each in known.items() if name.startswith(prefix)}
