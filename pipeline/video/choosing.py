"""Which model a clip is cut out with where none is asked for: what its first second shows decides."""

from itertools import islice

from ..base.jobs import Job
from ..inference.runtime import Runtime
from ..options.options import Options
from ..registry import weights
from ..registry.cards import ModelCard
from ..registry.choosing import AUTOMATIC
from .predictor import ClipPredictor
from .reader import Reader

LOOKS = 5  # frames a second that are looked at
PERSON = 0.01  # share of a frame that a network for people takes for one


def find_people_model(runtime: Runtime) -> str | None:
    """The first installed model with a memory, which are all for people; None without."""
    for card in runtime.list_models().values():
        if isinstance(card, ModelCard) and card.states and weights.is_installed(card, runtime.settings):
            return card.name
    return None


def choose_model(reader: Reader, start: float, options: Options, runtime: Runtime, job: Job) -> str:
    """The name of the model of `options`; for ``automatic`` one for people where people are seen, else the best here.

    The clip's second from `start` on decides. A network for people finds nothing where there are none.
    """
    name = options.with_defaults_of(runtime.settings).model
    people = find_people_model(runtime) if name == AUTOMATIC and options.key == "off" else None
    if people is None:
        return runtime.resolve_model(name)
    frames = islice(reader.read(start, start + 1), 0, None, max(1, round(reader.clip.rate / LOOKS)))
    predictor = ClipPredictor(options.model_copy(update={"model": people}), runtime, job)
    shares = [float((predictor.predict(frame.load()).prediction.matte > 0.5).mean()) for frame in frames]
    seen = sum(share > PERSON for share in shares)
    return people if shares and seen > len(shares) / 2 else runtime.resolve_model(name)
