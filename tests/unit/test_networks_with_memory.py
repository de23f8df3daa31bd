"""Networks with memory: their states go from frame to frame, and a still picture sees none."""

from collections.abc import Callable

import numpy as np
import pytest

from pipeline.base.jobs import Job
from pipeline.inference.engines import ENGINES, choose_plan
from pipeline.inference.networks import find_family
from pipeline.inference.sessions import Session, load_session
from pipeline.registry.cards import ModelCard
from tests import house
from tests.networks import REMEMBERS_RED, predict_afresh
from tests.pictures import off

Enter = Callable[..., ModelCard]


def flat(red: int) -> np.ndarray:
    """A frame of one colour, 12 × 16 pixels."""
    return np.broadcast_to(np.array([red, 7, 9], np.uint8), (16, 12, 3)).copy()


@pytest.fixture
def remembers_red(enter: Enter) -> ModelCard:
    card = enter("remembers-red", REMEMBERS_RED, kind="rvm")
    assert card.arithmetic is None
    return card


@pytest.fixture(params=[name for name, engine in ENGINES.items() if engine.is_here() and name != "mnn"])
def session(remembers_red: ModelCard, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Session:
    """The network with its memory, loaded by each engine that can run it."""
    assert ENGINES[request.param].can_run(remembers_red)
    monkeypatch.setenv("CLEARCUT_ENGINE", request.param)
    planned = choose_plan(remembers_red, "exact", house.settings())
    loaded = load_session(remembers_red, planned, house.settings(), with_states=True)
    assert loaded.plan.engine == request.param
    return loaded


def test_a_session_with_states_gives_them_behind_what_the_card_names(
    session: Session, remembers_red: ModelCard
) -> None:
    inputs = find_family(remembers_red).feed(flat(255), remembers_red).inputs
    still = house.runtime().pool.get(remembers_red)
    assert still.plan.engine == session.plan.engine
    named, everything = still.run(inputs, Job()), session.run(inputs, Job())
    assert session.outputs == (*remembers_red.read.outputs, "r1o", "r2o", "r3o", "r4o")
    assert len(named) == 2 and len(everything) == 6
    assert all(np.array_equal(one, other) for one, other in zip(named, everything, strict=False))
    assert [float(each.max()) for each in everything[2:]] == [1, 1, 2, 1]


def test_a_second_frame_sees_the_states_of_the_first(session: Session, remembers_red: ModelCard) -> None:
    family, states, seen = find_family(remembers_red), None, []
    for red in (255, 0, 51):
        fed = family.feed(flat(red), remembers_red, states)
        results = session.run(fed.inputs, Job())
        states = family.read_states(results)
        prediction = family.read(results, remembers_red, fed)
        seen.append(float(prediction.matte.mean()))
        assert prediction.matte.shape == (16, 12)
        assert prediction.foreground is not None and off(prediction.foreground, flat(red)) == 0
    assert seen == pytest.approx([0.5, 0.5, 0.1])  # half of its own red, and half of that before
    assert list(states) == ["r1i", "r2i", "r3i", "r4i"]
    assert [float(each.max()) for each in states.values()] == pytest.approx([0.2, 3, 6, 3])  # three frames on


def test_the_engine_that_computes_one_output_alone_is_not_given_a_network_with_memory(
    remembers_red: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARCUT_ENGINE", "mnn")
    assert not ENGINES["mnn"].can_run(remembers_red)
    assert house.runtime().pool.get(remembers_red).plan.engine == "cpu"


def test_states_stay_as_they_were_when_the_network_runs_again(session: Session, remembers_red: ModelCard) -> None:
    family = find_family(remembers_red)

    def run(red: int) -> dict[str, np.ndarray]:
        inputs = family.feed(flat(red), remembers_red).inputs
        return dict(family.read_states(session.run(inputs, Job())))

    states = run(255)
    run(0)
    assert states["r1i"].min() == 1


@pytest.mark.usefixtures("session")
def test_a_still_picture_sees_no_states_whatever_was_seen_before() -> None:
    for red, matte in ((255, 0.5), (0, 0), (51, 0.1), (255, 0.5)):
        assert predict_afresh(flat(red), "remembers-red").matte == pytest.approx(np.full((16, 12), matte), abs=1e-4)


@pytest.mark.parametrize("model", ["u2netp", "deeplabv3", "u2net_cloth_seg"])
def test_networks_without_memory_are_asked_for_what_their_card_names_alone(model: str) -> None:
    card = house.card(model)
    assert isinstance(card, ModelCard) and card.states == ()
