"""The runner of the stages: what a stage reads, what is done again, an option that nobody has yet. No network runs."""

import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import ClearcutError, Draft, InputFiles, Inputs, Job, Options, Photo, cut_out, cut_out_file, stages
from pipeline.compose import ComposedPicture
from pipeline.inference.networks import Prediction
from pipeline.inference.predict import PredictionResult
from pipeline.options.options import Stage, _option
from pipeline.pixels.image_io import decode
from tests import house
from tests.options import NEEDED, other_than_default
from tests.pictures import composite, encoded, opened
from tests.spies import (
    FUNCTIONS,
    ReadingNoted,
    answer_without_weights,
    fake_predict,
    listening,
    note_stages,
    stages_reading,
    watch,
)

ORDER: tuple[Stage, ...] = tuple(FUNCTIONS)
LONG_SIDE = 800
ONE = composite(160, 120, 8)
DATA = encoded(ONE.rgb)
OWN = np.where(np.arange(160) < 80, np.uint8(255), np.uint8(90)) * np.ones((120, 1), np.uint8)
TRANSPARENT = encoded(np.dstack((ONE.rgb, OWN)))
WALL = encoded(composite(90, 120, seed=4).background)
COMPOSED = (
    "background", "shadow", "outline", "crop", "canvas", "margin", "offset_", "scale", "rotate", "flip", "sheet",
)  # fmt: skip


@pytest.fixture(autouse=True)
def without_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_without_weights(monkeypatch)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Stage]:
    return note_stages(monkeypatch)


def draft(**given: Any) -> Draft:
    return Draft("ball.png", LONG_SIDE, house.runtime(**given))


def test_the_stages_are_those_that_options_name() -> None:
    assert (*ORDER, "encode") == get_args(Stage)


def test_full_size_and_draft_run_the_same_functions(seen: list[Stage]) -> None:
    full = cut_out_file(InputFiles(DATA), Options(feather=2), house.runtime())
    of_full = list(seen)
    seen.clear()
    view = draft().cut_out(DATA, Options(feather=2))
    assert seen == of_full == list(ORDER)
    assert view.data == full.data  # no larger than a screen: the very same
    assert list(view.cutout.seconds) == list(full.cutout.seconds) == ["decode", *ORDER, "encode"]


# ---- a new option ----------------------------------------------------------------------------------------------------


def moved(made: Any, by: int) -> Any:
    """What a stage has made, changed."""
    if isinstance(made, PredictionResult):
        return made._replace(prediction=Prediction(np.roll(made.prediction.matte, by, 1)))
    if isinstance(made, ComposedPicture):
        return replace(made, rgb=np.roll(made.rgb, by, 2))
    return np.roll(made, by, 2 if made.ndim == 3 else 1)


@pytest.mark.parametrize("stage", ORDER)
def test_a_new_option_is_obeyed_where_its_field_says_that_it_is_read(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    class More(Options):
        twist: int = _option(0, "edges", read_by={stage: None}, ge=0, le=9)

    real, ran = vars(stages)[FUNCTIONS[stage]], list[int]()

    def obeying(*given: Any, **named: Any) -> Any:
        options = next(each for each in given if isinstance(each, More))
        ran.append(options.twist)
        return moved(real(*given, **named), options.twist)

    monkeypatch.setattr(stages, FUNCTIONS[stage], obeying)
    one = draft()
    made = {twist: one.cut_out(DATA, More(twist=twist)).data for twist in (0, 1, 2)}
    assert len(set(made.values())) == 3
    assert ran == [0, 1, 2]
    seen = note_stages(monkeypatch)
    assert one.cut_out(DATA, More(twist=1)).data == made[1]
    kept = ["find"] if stage == "find" else []  # of which a draft keeps more than the last
    assert seen == [each for each in ORDER[ORDER.index(stage) :] if each not in kept]
    for twist, data in made.items():
        assert cut_out_file(InputFiles(DATA), More(twist=twist), house.runtime()).data == data


def test_a_new_option_that_tells_few_values_apart_reruns_its_stage_for_these_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class More(Options):
        mood: str = _option("plain", "edges", read_by={"matte": ["wild"], "compose": None})

    seen, one = note_stages(monkeypatch), draft()
    one.cut_out(DATA, More())
    for mood, rerun in (("calm", ORDER[4:]), ("wild", ORDER[1:]), ("plain", ORDER[1:]), ("calm", ORDER[4:])):
        seen.clear()
        one.cut_out(DATA, More(mood=mood))
        assert seen == list(rerun)


# ---- what a stage reads ----------------------------------------------------------------------------------------------

LOOKS: list[dict[str, Any]] = [
    {},
    *({**NEEDED.get(name, {}), name: other_than_default(name)} for name in Options.model_fields),
    *({"background": each} for each in ("color", "gradient", "image", "blur", "original")),
    *({"background": "image", "background_fit": each, "canvas": "90x30"} for each in ("fill", "fit")),
    *({"shadow": each, "outline": 3.0, "crop": True} for each in ("keep", "drop", "contact")),
    *({"own_alpha": each} for each in ("keep", "ignore")),
    *({"canvas": each, "background": "original"} for each in ("4:5", "60x60", "instagram-square")),
    *({"format": each, "background": "color"} for each in ("jpeg", "matte", "zip")),
    {"preset": "product-white"},
    {"preset": "sticker"},
]


def test_every_stage_reads_only_the_options_that_say_so_and_each_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    read: dict[Stage, set[str]] = {stage: set() for stage in ORDER}

    def noting(stage: Stage, run: Callable[[], Any]) -> Any:
        with listening() as names:
            made = run()
        read[stage] |= names
        return made

    watch(monkeypatch, noting)
    for look in LOOKS:
        options = ReadingNoted(**Options.of(**look).model_dump())
        for data in (DATA, TRANSPARENT):
            cut_out_file(InputFiles(data, WALL), options, house.runtime())
    said = {stage: {name for name in Options.model_fields if stage in stages_reading(name)} for stage in ORDER}
    assert read == said


def test_writing_reads_only_the_options_that_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    read = set()
    real = vars(sys.modules["pipeline.cutout"])["_encode"]

    def noting(*given: Any) -> Any:
        with listening() as names:
            made = real(*given)
        read.update(names)
        return made

    monkeypatch.setattr("pipeline.cutout._encode", noting)
    for look in LOOKS:
        options = ReadingNoted(**Options.of(**look).model_dump())
        cut_out_file(InputFiles(encoded(ONE.rgb, dpi=(300, 150)), WALL), options, house.runtime())
    assert read == {name for name in Options.model_fields if "encode" in stages_reading(name)}


def values(name: str) -> st.SearchStrategy[Any]:
    """Values of a field, few enough for two draws to meet."""
    schema = Options.model_json_schema()["properties"][name]
    own = {
        "model": st.sampled_from(["u2netp", "isnet-general-use"]),
        "keep": st.sampled_from([(), ("person",), ("person", "dog")]),
        "canvas": st.sampled_from(["", "4:5", "40x30", "100x100", "id-cn-1", "id-35x45"]),
        "crop_box": st.sampled_from(["", "10,0,90,62.5", "40,40,60,60"]),
        "refine": st.sampled_from(["off", "guided"]),  # trimap matting is slow, and the same function reads it
    }
    if name in own:
        return own[name]
    if schema.get("type") == "boolean":
        return st.booleans()
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if str(schema["default"]).startswith("#"):
        return st.sampled_from(["#ffffff", "#000000", "#1280fe"])
    low, high = schema["minimum"], schema["maximum"]
    return st.sampled_from([schema["default"], low, high, type(high)(low + (high - low) / 3)])


option_sets = st.fixed_dictionaries({name: values(name) for name in Options.model_fields})


@st.composite
def alike(draw: Any, stage: Stage) -> tuple[Options, Options]:
    """Two sets of options in which `stage` finds the same, whatever else they say."""
    one, other = draw(option_sets), draw(option_sets)
    for name, value in one.items():
        reading = stages_reading(name)
        if stage not in reading:
            continue
        known = reading[stage]
        if known is None or value in known or other[name] in known:
            other[name] = value
    return Options(**one), Options(**other)


def made_by(stage: Stage, photo: Photo, options: Options) -> Any:
    """All that a stage makes, as bytes, given always the same."""
    said = fake_predict(photo, "u2netp", house.runtime(), Job(), False, (), "exact").prediction
    alpha = ONE.alpha
    calls: dict[Stage, Callable[[], Any]] = {
        "find": lambda: stages.find_subject(photo, options, house.runtime(), Job(), cache=False).prediction.matte,
        "matte": lambda: stages.make_matte(photo, said, options),
        "edges": lambda: stages.cut_edges(photo, stages.Marked(alpha), options),
        "colour": lambda: stages.find_colours(photo, said, alpha, options),
        "compose": lambda: stages.compose(ONE.subject, alpha, photo, options, decode(WALL)),
    }
    try:
        made = calls[stage]()
    except ClearcutError as error:
        return error.code, error.facts
    if isinstance(made, ComposedPicture):
        before = made.frame_photo()
        planes = (made.rgb, made.alpha, made.matte, before.rgb, before.alpha)
        return [None if each is None else each.tobytes() for each in planes], made.placement, made.fill, made.warnings
    return made.shape, made.tobytes()


@pytest.mark.parametrize("stage", ORDER)
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_where_a_stage_reads_the_same_it_makes_the_same(stage: Stage, data: st.DataObject) -> None:
    one, other = data.draw(alike(stage))
    assert one.list_values_read_by(stage) == other.list_values_read_by(stage)
    for photo in (Photo(ONE.rgb), Photo(ONE.rgb, OWN)):
        assert made_by(stage, photo, one) == made_by(stage, photo, other)


# ---- what is done again ----------------------------------------------------------------------------------------------

FIRST: dict[str, Stage] = {
    **dict.fromkeys(["model", "keep", "precision", "key"], "find"),
    **dict.fromkeys(["refine", "trimap_band", "interior"], "matte"),
    **dict.fromkeys(["levels", "shift", "feather", "harden", "clean", "largest", "own_alpha"], "edges"),
    "decontaminate": "colour",
    **dict.fromkeys([name for name in Options.model_fields if name.startswith(COMPOSED)], "compose"),
    **dict.fromkeys(["format", "quality", "max_kb", "keep_exif"], "compose"),
}


def test_of_every_option_it_is_known_from_which_stage_on_it_matters() -> None:
    assert set(FIRST) == set(Options.model_fields)


@pytest.mark.parametrize("name", FIRST)
def test_an_option_that_moves_reruns_the_stages_from_the_first_that_reads_it(name: str, seen: list[Stage]) -> None:
    other = "ignore" if name == "own_alpha" else other_than_default(name)
    before, one = Options(**NEEDED.get(name, {})), draft()
    one.cut_out(DATA, before, WALL)
    seen.clear()
    one.cut_out(DATA, before.model_copy(update={name: other}), WALL)
    assert seen == list(ORDER[ORDER.index(FIRST[name]) :])


@pytest.mark.parametrize(
    ("look", "first"),
    [
        ({"background": "color"}, "compose"),
        ({"background": "original"}, "colour"),
        ({"own_alpha": "keep"}, "find"),
        ({"own_alpha": "ignore"}, "edges"),
        ({}, "compose"),
    ],
)
def test_of_options_that_a_stage_reads_in_part_only_that_part_counts(
    look: dict[str, Any], first: Stage, seen: list[Stage]
) -> None:
    one = draft()
    one.cut_out(TRANSPARENT, Options(), WALL)
    seen.clear()
    one.cut_out(TRANSPARENT, Options(**look), WALL)
    assert seen == list(ORDER[ORDER.index(first) :])


def test_what_networks_said_is_kept_while_somebody_compares_them(seen: list[Stage]) -> None:
    one = draft()
    for model in ("u2netp", "isnet-general-use", "u2netp"):
        one.cut_out(DATA, Options(model=model))
    assert seen.count("find") == 2 and seen.count("matte") == 3


def test_where_a_photos_own_transparency_is_kept_a_draft_needs_no_weights(
    empty_models: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # no fake is needed
    monkeypatch.setenv("CLEARCUT_MODELS_DIR", str(empty_models))
    kept = Options(own_alpha="keep", shadow="drop")
    view = draft().cut_out(TRANSPARENT, kept)
    assert view.cutout.engine == "own alpha"
    assert view.data == cut_out_file(InputFiles(TRANSPARENT), kept, house.runtime()).data
    with pytest.raises(ClearcutError, match="model_missing"):
        draft().cut_out(DATA, kept)


def test_options_that_name_no_model_ask_the_one_of_the_settings() -> None:
    other = house.runtime(model="isnet-general-use")
    for made in (
        cut_out(Inputs(Photo(ONE.rgb)), Options(), other),
        draft(model=other.settings.model).cut_out(DATA, Options()).cutout,
    ):
        assert made.model == "isnet-general-use"
    assert cut_out(Inputs(Photo(ONE.rgb)), Options(model="u2netp"), other).model == "u2netp"


# ---- several threads -------------------------------------------------------------------------------------------------


def test_a_draft_serves_several_threads_at_once() -> None:
    looks = [
        {"feather": feather, "model": model, "shadow": shadow, "background": background}
        for feather in (0, 3)
        for model in ("u2netp", "isnet-general-use", "birefnet-lite", "rmbg-1.4")
        if model in house.runtime().list_models()
        for shadow in ("none", "drop")
        for background in ("transparent", "image")
    ]
    wanted = [cut_out_file(InputFiles(DATA, WALL), Options(**look), house.runtime()).data for look in looks]
    one, before, together = draft(slots=4), sys.getswitchinterval(), threading.Barrier(8)

    def walk(start: int) -> list[int]:
        """The numbers of the looks that came out wrong."""
        together.wait()
        order = [*range(start, len(looks)), *range(start)]
        return [at for at in order if one.cut_out(DATA, Options(**looks[at]), WALL).data != wanted[at]]

    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            wrong = list(threads.map(walk, range(8)))
    finally:
        sys.setswitchinterval(before)
    assert wrong == [[]] * 8


def test_as_many_drafts_run_at_once_as_there_are_places(monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(4)  # which breaks unless four are inside at the same time

    def meeting(stage: Stage, run: Callable[[], Any]) -> Any:
        if stage == "compose":
            together.wait(20)
        return run()

    watch(monkeypatch, meeting)
    one = draft(slots=4)
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda feather: one.cut_out(DATA, Options(feather=feather)).data, range(4)))
    assert [opened(each).shape for each in made] == [(120, 160, 4)] * 4 and len(set(made)) == 4
