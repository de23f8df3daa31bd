"""Running networks: the queue before the run slots, jobs that stop, sessions in one bounded pool."""

import gc
import hashlib
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx.parser
import pytest

from pipeline.base.errors import ClearcutError
from pipeline.base.jobs import Job, Slots
from pipeline.commands.cut import _Releaser
from pipeline.cutout import InputFiles, cut_out, cut_out_file
from pipeline.inference import sessions
from pipeline.inference.pool import Pool
from pipeline.inference.runtime import Runtime
from pipeline.inference.sessions import Session
from pipeline.inputs import Cutout, Inputs
from pipeline.options.options import Options
from pipeline.pixels.image_io import Photo
from pipeline.registry import catalog
from pipeline.registry.cards import Feed, ModelCard, Reading, Variant
from tests import house
from tests.networks import TWO_ANSWERS, TWO_INPUT
from tests.pictures import encoded

SHAPE = (1, 3, 8, 8)
PATIENCE = 60  # seconds until a test says that something will never happen
WHITE, BLACK = (np.full((8, 8, 3), grey, np.uint8) for grey in (255, 0))
RED = WHITE * np.array([1, 0, 0], np.uint8)


def network(nodes: str, constants: str) -> bytes:
    """The bytes of an ONNX file, from ONNX's textual form: `nodes` make ``y`` of ``x``."""
    head = '<ir_version: 8, opset_import: ["": 17]> net (float[1, 3, 8, 8] x) => (float[a, b, c, d] y)'
    return bytes(onnx.parser.parse_model(f"{head} <{constants}> {{ {nodes} }}").SerializeToString())


KERNEL = "float[1, 3, 1, 1] kernel = "
FINDS_RED, FINDS_GREEN = (network("y = Conv(x, kernel)", KERNEL + which) for which in ("{1, 0, 0}", "{0, 1, 0}"))
NEVER_ENDS_ON_WHITE = network(
    """brightness = ReduceMax <keepdims = 0> (x)
    many = Mul(brightness, huge)
    trips = Cast <to = 7> (many)
    out = Loop (trips, yes, x) <body = step (int64 i, bool go, float[1, 3, 8, 8] a) => (bool on, float[1, 3, 8, 8] b) {
        on = Identity(go)
        b = Relu(a)
    }>
    y = Conv(out, kernel)""",
    f"float huge = {{1e15}}, bool yes = {{1}}, {KERNEL} {{1, 0, 0}}",
)
TOO_LARGE_ON_WHITE = network(
    """brightness = ReduceMax <keepdims = 0> (x)
    many = Mul(brightness, huge)
    count = Cast <to = 7> (many)
    size = Concat <axis = 0> (one, one, one, count)
    y = ConstantOfShape(size)""",
    "float[1] huge = {1e13}, int64[1] one = {1}",
)


@pytest.fixture
def install(empty_models: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., ModelCard]:
    """Put a small network, in one or more variants, into a catalogue and models folder of this test's own."""
    cards: dict[str, ModelCard] = {}
    monkeypatch.setattr(catalog, "list_models", lambda settings: cards)
    facts: dict[str, Any] = {
        "kind": "u2net", "family": "saliency", "license": "MIT", "license_url": "", "homepage": "",
        "commercial_use": "yes", "good_for": ("own",),
    }  # fmt: skip

    def put(name: str, *contents: bytes, memory_mb: float = 100, size: tuple[int, int] = (8, 8)) -> ModelCard:
        variants = []
        for number, data in enumerate(contents):
            file, digest = f"{name}-{number}.onnx", hashlib.sha256(data).hexdigest()
            (empty_models / file).write_bytes(data)
            variants.append(Variant(file=file, bytes=len(data), sha256=digest, sources=()))
        needs = {"memory_mb": memory_mb, "feed": Feed(size=size)}
        cards[name] = ModelCard(name=name, variants=tuple(variants), **needs, **facts)
        return cards[name]

    return put


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the models that were loaded, one for each time."""
    names: list[str] = []

    class Counted(Session):
        def __init__(self, card: ModelCard, *rest: Any) -> None:
            names.append(card.name)
            super().__init__(card, *rest)

    monkeypatch.setattr(sessions, "Session", Counted)
    return names


def cut(pixels: np.ndarray, model: str) -> Cutout:
    return cut_out(Inputs(Photo(pixels)), Options(model=model))


def started(work: Callable[..., Any], *arguments: Any) -> Future[Any]:
    """`work` in a thread that no test waits for at its end."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(work(*arguments))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def until(happened: Callable[[], bool]) -> None:
    """Wait for what other threads do."""
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.001)


@contextmanager
def refused(code: str, **facts: Any) -> Iterator[None]:
    with pytest.raises(ClearcutError) as caught:
        yield
    assert caught.value.code == code
    assert caught.value.facts | facts == caught.value.facts


def queue(slots: Slots, *jobs: Job, inside: Callable[[Job], object] = lambda job: None) -> list[Future[None]]:
    """Put `jobs` into the queue of `slots`, whose places are taken, one after the other."""

    def turn(job: Job) -> None:
        with slots.hold(job):
            inside(job)

    ends = []
    for job in jobs:
        ends.append(started(turn, job))
        until(lambda job=job: job.ahead > 0)
    return ends


@pytest.mark.parametrize("places", [1, 2, 3])
def test_as_many_jobs_run_at_once_as_there_are_places_and_no_more(places: int) -> None:
    slots, together, running, most = Slots(places), threading.Barrier(places), [], []

    def work() -> None:
        with slots.hold(Job()):
            running.append(1)
            most.append(len(running))
            together.wait(PATIENCE)
            running.pop()

    for end in [started(work) for _ in range(12)]:
        end.result(PATIENCE)
    assert max(most) == places


def test_the_number_of_places_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARCUT_SLOTS", "3")
    assert house.runtime().slots.places == 3


def test_jobs_run_in_the_order_they_came_and_see_the_line_before_them_shrink() -> None:
    slots, jobs, order = Slots(1), [Job() for _ in range(5)], []

    def inside(job: Job) -> None:
        order.append(job)
        until(lambda: [later.ahead for later in jobs[len(order) - 1 :]] == [*range(6 - len(order))])

    with slots.hold(Job()):
        ends = queue(slots, *jobs, inside=inside)
        assert [job.ahead for job in jobs] == [1, 2, 3, 4, 5]
    for end in ends:
        end.result(PATIENCE)
    assert order == jobs


def test_who_has_no_patience_is_turned_away_and_told_when_to_come_again() -> None:
    slots, retry_after = Slots(1), [0]
    with slots.hold(Job(most_ahead=0)):
        for waiting in range(3):
            with pytest.raises(ClearcutError) as caught, slots.hold(Job(most_ahead=waiting)):
                pytest.fail("it ran")
            facts = caught.value.facts
            assert (caught.value.code, caught.value.status, facts["waiting"]) == ("busy", 429, waiting)
            assert facts["retry_after"] > retry_after[-1]
            retry_after.append(facts["retry_after"])
            (end,) = queue(slots, Job(most_ahead=waiting + 1))
    end.result(PATIENCE)


def test_a_cancelled_job_leaves_the_queue_at_once_and_the_others_go_on() -> None:
    slots, (first, stopped, last), order = Slots(1), (Job(), Job(), Job()), []
    with slots.hold(Job()):
        ends = queue(slots, first, stopped, last, inside=order.append)
        stopped.cancel()
        with refused("cancelled"):
            ends[1].result(PATIENCE)  # while the place is still taken
        until(lambda: last.ahead == 2)
    ends[2].result(PATIENCE)
    assert order == [first, last]


def test_a_job_cancelled_beforehand_takes_no_place() -> None:
    slots, job = Slots(1), Job()
    job.cancel()
    with refused("cancelled"), slots.hold(job):
        pytest.fail("it ran")
    with slots.hold(Job(most_ahead=0)):
        pass


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, ClearcutError])
def test_an_exception_inside_a_turn_frees_the_place(error: type[BaseException]) -> None:
    slots = Slots(1)
    with pytest.raises(error), slots.hold(Job()):
        raise error("cancelled")
    with slots.hold(Job(most_ahead=0)):
        pass


def test_a_stopper_is_called_within_its_block_alone() -> None:
    job, called = Job(), []
    with job.call_on_cancel(lambda: called.append("in time")):
        job.cancel()
    with pytest.raises(ClearcutError, match="cancelled"), job.call_on_cancel(lambda: called.append("never")):
        pytest.fail("it ran")
    job.cancel()
    assert called == ["in time"]


def test_a_block_does_not_end_while_its_stopper_may_still_be_called() -> None:
    """Else it might stop what its thread does next, for another job."""
    job, reached, go, leave, ended = Job(), threading.Event(), threading.Event(), threading.Event(), threading.Event()
    ended_before_it_was_called: list[bool] = []

    def stop_first() -> None:
        reached.set()
        assert go.wait(PATIENCE)

    def work() -> None:
        with job.call_on_cancel(lambda: ended_before_it_was_called.append(ended.is_set())):
            inside.set()
            assert leave.wait(PATIENCE)
        ended.set()

    inside = threading.Event()
    with job.call_on_cancel(stop_first):
        worker = started(work)
        assert inside.wait(PATIENCE)
        canceller = started(job.cancel)
        assert reached.wait(PATIENCE)  # it is at the first stopper; the block of the second wants to end now
        leave.set()
        assert not ended.wait(0.2)
        go.set()
        canceller.result(PATIENCE)
    worker.result(PATIENCE)
    assert ended.is_set() and ended_before_it_was_called == [False]


def test_many_threads_that_want_a_model_load_it_once(install: Any, loaded: list[str]) -> None:
    pool, card, together = Pool(house.settings()), install("red", FINDS_RED), threading.Barrier(8)
    ends = [started(lambda: together.wait(PATIENCE) < 8 and pool.get(card)) for _ in range(8)]
    assert len({id(end.result(PATIENCE)) for end in ends}) == 1
    assert loaded == ["red"]


def test_the_session_not_used_for_longest_makes_room(install: Any, loaded: list[str], monkeypatch: Any) -> None:
    monkeypatch.setenv("CLEARCUT_POOL_MB", "250")
    pool = Pool(house.settings())
    cards = {name: install(name, FINDS_RED, memory_mb=9000 if name == "large" else 100) for name in [*"abc", "large"]}
    for name in [*"abacac", "b", "c", "large", "large", "c"]:
        pool.get(cards[name])
    assert loaded == ["a", "b", "c", "b", "large", "c"]


def test_a_cleared_pool_loads_again_and_a_session_in_use_still_works(install: Any, loaded: list[str]) -> None:
    pool, card = Pool(house.settings()), install("red", FINDS_RED)
    kept = pool.get(card)
    pool.clear()
    pool.get(card)
    assert loaded == ["red", "red"]
    assert kept.run(np.ones(SHAPE, np.float32), Job())[0].min() == 1


@pytest.mark.parametrize("outputs", [(0,), (1,), ("green", "red")])
def test_a_session_gives_the_outputs_that_its_card_names(outputs: tuple[int | str, ...], install: Any) -> None:
    card = install("two", TWO_ANSWERS, size=(8, 8))
    card = card.model_copy(update={"read": Reading(outputs=outputs)})
    answers = Pool(house.settings()).get(card).run(TWO_INPUT, Job())
    values = {0: 0.25, 1: 0.75, "red": 0.25, "green": 0.75}
    assert [answer.max() for answer in answers] == [values[output] for output in outputs]


def test_after_the_last_photo_networks_hold_no_memory(install: Any, loaded: list[str]) -> None:
    install("first", FINDS_RED)
    runtime = Runtime(house.settings())
    for last, times in ((False, 1), (False, 1), (True, 1), (False, 2)):
        job = Job(on_step=_Releaser(runtime) if last else None)
        cut_out(Inputs(Photo(WHITE)), Options(model="first"), runtime, job=job, cache=False)
        assert len(loaded) == times


def test_a_session_gives_each_of_many_threads_its_own_answer(install: Any) -> None:
    session = Pool(house.settings()).get(install("red", FINDS_RED))

    def answers(number: int) -> set[float]:
        feed = np.full(SHAPE, number, np.float32)
        return {float(value) for _ in range(200) for value in session.run(feed, Job())[0].ravel()}

    ends = [started(answers, number) for number in range(8)]
    assert [end.result(PATIENCE) for end in ends] == [{float(number)} for number in range(8)]


def test_cancelling_breaks_off_a_running_network_and_harms_nobody_else(install: Any) -> None:
    assert house.runtime().slots.places == 1
    install("slow", NEVER_ENDS_ON_WHITE)
    job, options = Job(), Options(model="slow")
    end = started(lambda: cut_out_file(InputFiles(encoded(WHITE)), options, job=job))
    until(lambda: job.step == "finding" or end.done())
    time.sleep(0.05)
    job.cancel()
    with refused("cancelled"):
        end.result(PATIENCE)
    assert cut_out_file(InputFiles(encoded(BLACK)), options, job=Job(most_ahead=0)).original_size == (8, 8)


@pytest.mark.parametrize("data", [FINDS_RED[:40], FINDS_RED[:-20], b"text", bytes(9)], ids=["half", "cut", "text", "0"])
def test_a_broken_file_whose_checksum_is_right_is_told_by_its_name(data: bytes, install: Any) -> None:
    install("bad", data)
    with refused("broken_weights", model="bad", file="bad-0.onnx"):
        cut(WHITE, "bad")
    install("bad", FINDS_RED)
    assert cut(WHITE, "bad").alpha.min() == 255


def test_a_network_that_does_not_fit_its_card_is_told_by_its_name(install: Any) -> None:
    install("odd", FINDS_RED, size=(16, 16))
    with refused("broken_weights", model="odd", file="odd-0.onnx"):
        cut(WHITE, "odd")


def test_a_network_that_wants_too_much_memory_is_not_called_broken(install: Any) -> None:
    install("greedy", TOO_LARGE_ON_WHITE)
    with refused("out_of_memory"):
        cut(WHITE, "greedy")


def test_an_answer_is_kept_under_the_variant_that_gave_it(install: Any, empty_models: Path) -> None:
    install("two", FINDS_RED, FINDS_GREEN)
    (empty_models / "two-0.onnx").unlink()
    assert cut(RED, "two").alpha.max() == 0
    (empty_models / "two-0.onnx").write_bytes(FINDS_RED)
    cut(RED, "two")
    house.runtime().pool.clear()
    assert cut(RED, "two").alpha.min() == 255


def test_a_file_that_takes_the_place_of_a_models_is_noticed_by_a_runtime_that_lives(
    enter: Callable[..., ModelCard], empty_models: Path
) -> None:
    other = network("z = Conv(x, kernel) y = Relu(z)", KERNEL + "{0, 1, 0}")
    assert len(other) != len(FINDS_RED)
    runtime, file = Runtime(house.settings()), empty_models / "own.onnx"

    def cut_now(cache: bool = False) -> int:
        return int(cut_out(Inputs(Photo(RED)), Options(model="own"), runtime, cache=cache).alpha.max())

    card = enter("own", FINDS_RED, kind="anime", feed={"size": [8, 8]})
    assert cut_now(cache=True) == 255
    first = weakref.ref(runtime.pool.get(card))
    for _ in range(2):
        file.write_bytes(other)  # which is not what its card says
        for _ in range(2):
            with refused("wrong_checksum", model="own", file="own.onnx"):
                cut_now()
        assert cut_now(cache=True) == 255  # what the right file said before is known
        file.write_bytes(FINDS_RED)
        assert cut_now() == 255
    enter("own", other, kind="anime", feed={"size": [8, 8]})
    assert cut_now() == cut_now(cache=True) == 0
    enter("own", FINDS_RED, kind="anime", feed={"size": [8, 8]})
    assert cut_now() == cut_now(cache=True) == 255
    gc.collect()
    assert first() is None  # what was loaded from a file that is there no more keeps no memory


def test_a_catalogue_that_asks_for_another_output_is_noticed_by_a_runtime_that_lives(
    enter: Callable[..., ModelCard], empty_models: Path
) -> None:
    runtime = Runtime(house.settings())
    for output, most in (("red", 255), ("green", 0), ("red", 255)):
        enter("two", TWO_ANSWERS, kind="anime", feed={"size": [8, 8]}, read={"outputs": [output]})
        os.utime(empty_models / "two.onnx", (1, 1))  # the file itself is the same all the time
        cutout = cut_out(Inputs(Photo(RED)), Options(model="two"), runtime, cache=False)
        assert cutout.alpha.max() == most
