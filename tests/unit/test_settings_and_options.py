"""The machine's settings and the user's options: where they come from, and what they do not take."""

import argparse
import json
import math
import os
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.base.errors import ClearcutError
from pipeline.base.settings import PREFIX, ROOT, EngineName, Settings
from pipeline.base.words import LANGUAGES, explain, load_words
from pipeline.commands.flags import Parser, add_flags, pick_given_values
from pipeline.inference.engines import ENGINES
from pipeline.options.options import Options
from server.settings import ServerSettings
from tests.options import NEEDED, other_than_default

GIVEN: dict[str, tuple[str, Any]] = {
    "model": ("isnet-general-use", "isnet-general-use"),
    "models_dir": ("/somewhere/else", Path("/somewhere/else")),
    "models_mirror": ("https://mirror.example/weights", "https://mirror.example/weights"),
    "offline": ("1", True),
    "engine": ("openvino", "openvino"),
    "measure": ("0", False),
    "threads": ("3", 3),
    "max_mb": ("12.5", 12.5),
    "max_megapixels": ("40", 40.0),
    "max_frames": ("20", 20),
    "cache": ("0", False),
    "cache_mb": ("0", 0.0),
    "cache_dir": ("/somewhere/kept", Path("/somewhere/kept")),
    "cache_disk_mb": ("10", 10.0),
    "cache_days": ("1.5", 1.5),
    "pool_mb": ("512", 512.0),
    "slots": ("2", 2),
    "workers": ("3", 3),
}
DEFAULTS = Settings.read({})
WRONG_SETTINGS = [
    ("offline", "perhaps"),
    ("engine", "gpu"),
    ("engine", "CUDA"),
    ("engine", "cuda "),
    ("threads", "-1"),
    ("threads", "many"),
    ("threads", "1.5"),
    ("max_mb", "0"),
    ("max_mb", "-3"),
    ("max_mb", "lots"),
    ("max_mb", "nan"),
    ("max_megapixels", "0"),
    ("max_megapixels", " "),
    ("max_frames", "0"),
    ("cache_mb", "-1"),
    ("cache_mb", "nan"),
    ("cache", "perhaps"),
    ("cache_disk_mb", "-1"),
    ("cache_days", "0"),
    ("pool_mb", "0"),
    ("slots", "0"),
]
WRONG_FEATHERS: list[Any] = [-0.001, 50.001, -1e300, 1e300, math.nan, math.inf, -math.inf]
WRONG_FEATHERS += ["soft", "", "nan", "inf", "1,5", "0x10", None, [1], {"px": 1}, b"\xff", object()]


def bad_option(**values: Any) -> dict[str, Any]:
    with pytest.raises(ClearcutError) as caught:
        Options.of(**values)
    assert (caught.value.code, caught.value.exit_code, caught.value.status) == ("bad_option", 2, 422)
    return caught.value.facts


# ---- settings --------------------------------------------------------------------------------------------------------


def test_these_cases_name_every_setting() -> None:
    assert set(GIVEN) == set(Settings.model_fields)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_each_setting_is_read_from_its_variable(name: str) -> None:
    text, value = GIVEN[name]
    assert getattr(DEFAULTS, name) != value
    read = Settings.read({PREFIX + name.upper(): text})
    assert read == DEFAULTS.model_copy(update={name: value})


@pytest.mark.parametrize("name", Settings.model_fields)
def test_an_empty_variable_is_an_unset_one(name: str) -> None:
    assert Settings.read({PREFIX + name.upper(): ""}) == DEFAULTS


@pytest.mark.parametrize("name", Settings.model_fields)
def test_the_machines_own_environment_is_what_a_program_starts_with(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text, value = GIVEN[name]
    monkeypatch.setenv(PREFIX + name.upper(), text)
    assert getattr(Settings.read(os.environ), name) == value
    monkeypatch.delenv(PREFIX + name.upper())
    assert getattr(Settings.read(os.environ), name) == getattr(DEFAULTS, name)


@pytest.mark.parametrize("text", ["auto", *get_args(EngineName)])
def test_every_engine_that_the_runtime_knows_can_be_asked_for(text: str) -> None:
    assert Settings.read({"CLEARCUT_ENGINE": text}).engine == text
    assert text in ("auto", *ENGINES)


def test_a_wrong_engine_is_told_with_those_that_there_are() -> None:
    with pytest.raises(ClearcutError) as caught:
        Settings.read({"CLEARCUT_ENGINE": "tpu"})
    assert caught.value.facts["accepted"] == ", ".join(["auto", *get_args(EngineName)])


@pytest.mark.parametrize("text", ["1", "true", "TRUE", "yes", "on"])
def test_yes_is_said_in_several_ways(text: str) -> None:
    assert Settings.read({"CLEARCUT_OFFLINE": text}).offline is True


@pytest.mark.parametrize("text", ["0", "false", "no", "off"])
def test_no_is_said_in_several_ways(text: str) -> None:
    assert Settings.read({"CLEARCUT_OFFLINE": text}).offline is False


@pytest.mark.parametrize(("name", "text"), WRONG_SETTINGS)
def test_a_wrong_setting_names_its_variable_and_value(name: str, text: str) -> None:
    variable = PREFIX + name.upper()
    with pytest.raises(ClearcutError) as caught:
        Settings.read({variable: text})
    assert (caught.value.code, caught.value.exit_code) == ("bad_setting", 2)
    assert (caught.value.facts["name"], caught.value.facts["value"]) == (variable, text)
    for language in LANGUAGES:
        assert variable in explain(caught.value, language)


@pytest.mark.parametrize("model", [Settings, ServerSettings])
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("name", "text", "accepted"),
    [
        ("max_mb", "0", "> 0"),
        ("max_megapixels", "-1", "> 0"),
        ("pool_mb", "0", "> 0"),
        ("cache_days", "0", "> 0"),
        ("cache_mb", "-1", "≥ 0"),
        ("threads", "-1", "≥ 0"),
        ("slots", "0", "≥ 1"),
        ("offline", "perhaps", "0, 1"),
    ],
)
def test_a_wrong_setting_says_what_it_takes(
    model: type[Settings], language: str, name: str, text: str, accepted: str
) -> None:
    with pytest.raises(ClearcutError) as caught:
        model.read({PREFIX + name.upper(): text})
    assert caught.value.facts["accepted"] == accepted
    said = explain(caught.value, language)
    assert all(word in said for word in (f"{PREFIX}{name.upper()}", f"“{text}”", accepted))
    assert "{" not in said


@given(st.sampled_from(list(Settings.model_fields)), st.text())
def test_whatever_a_variable_holds_is_a_setting_or_a_bad_setting(name: str, text: str) -> None:
    variable = PREFIX + name.upper()
    try:
        read = Settings.read({variable: text})
    except ClearcutError as error:
        assert error.facts["name"] == variable
    else:
        assert read == DEFAULTS.model_copy(update={name: getattr(read, name)})


@pytest.mark.parametrize("variable", ["CLEARCUT_COLOUR", "THREADS", "clearcut_threads"])
def test_variables_that_are_no_settings_change_nothing(variable: str) -> None:
    assert Settings.read({variable: "nonsense"}) == DEFAULTS


def test_without_a_setting_nothing_is_limited_and_the_weights_lie_beside_the_catalogue() -> None:
    assert (DEFAULTS.max_mb, DEFAULTS.max_megapixels) == (None, None)
    assert (DEFAULTS.models_dir / "catalog.toml").is_file()
    assert DEFAULTS.models_dir.parent == ROOT


def test_settings_cannot_be_changed_behind_the_machines_back() -> None:
    with pytest.raises(ValidationError):
        DEFAULTS.threads = 7  # type: ignore[misc]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", Settings.model_fields)
def test_each_setting_has_words(name: str, language: str) -> None:
    assert load_words(language)[f"setting.{name}.help"].strip()


# ---- options ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("feather", [0, 0.0, "0", 0.001, 7.5, "7.5", 49.999, 50, "50"])
def test_feather_is_taken_up_to_both_of_its_limits(feather: Any) -> None:
    assert Options.of(feather=feather).feather == float(feather)


@pytest.mark.parametrize("feather", WRONG_FEATHERS, ids=lambda value: str(value)[:12])
def test_a_wrong_feather_is_refused_by_name_and_value(feather: Any) -> None:
    facts = bad_option(feather=feather)
    assert (facts["name"], facts["value"]) == ("feather", str(feather)[:100])


@pytest.mark.parametrize("model", ["", "m" * 101, 5, 1.5, None, True, ["u2netp"], {"name": "u2netp"}])
def test_a_model_is_named_by_a_short_text(model: Any) -> None:
    facts = bad_option(model=model)
    assert (facts["name"], facts["value"]) == ("model", str(model)[:100])


KEEPS: list[tuple[Any, tuple[str, ...]]] = [
    ("", ()),
    (" , ,", ()),
    ("person", ("person",)),
    (" upper , lower,", ("upper", "lower")),
    ("人,猫", ("人", "猫")),
    ([], ()),
    (["person", "dog"], ("person", "dog")),
    (("a b",), ("a b",)),
    (["x"] * 50, ("x",) * 50),
]


@pytest.mark.parametrize(("given_as", "meant"), KEEPS, ids=lambda value: str(value)[:20])
def test_what_to_keep_is_a_list_or_a_text_with_commas(given_as: Any, meant: tuple[str, ...]) -> None:
    assert Options.of(keep=given_as).keep == Options.of(keep=list(meant)).keep == meant


@pytest.mark.parametrize("keep", [5, None, True, {"a": 1}, [1], [None], [["a"]], ["x"] * 51, "x," * 51, b"\xff"])
def test_a_wrong_list_of_what_to_keep_is_refused_by_name(keep: Any) -> None:
    facts = bad_option(keep=keep)
    assert facts["name"] == "keep"
    json.dumps(facts)
    for language in LANGUAGES:
        assert "keep" in explain(ClearcutError("bad_option", **facts), language)


@pytest.mark.parametrize(
    "name", ["feathers", "Feather", "MODEL", "", "image", "model_config", "self", "cls", "__class__"]
)
def test_an_option_that_does_not_exist_is_refused_by_name(name: str) -> None:
    with pytest.raises(ClearcutError) as caught:
        Options.of(**{name: "1"})
    assert (caught.value.code, caught.value.status, caught.value.facts["name"]) == ("unknown_option", 422, name)
    assert set(caught.value.facts["known"].split(", ")) == {*Options.model_fields, "preset"}


def test_a_long_wrong_value_is_told_in_short() -> None:
    assert len(bad_option(feather="9" * 10_000 + "x")["value"]) == 100


@given(st.floats())
def test_a_feather_is_within_its_limits_or_refused(feather: float) -> None:
    if 0 <= feather <= 50:
        assert Options.of(feather=feather).feather == feather
    else:
        assert bad_option(feather=feather)["name"] == "feather"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.text() | st.sampled_from([*Options.model_fields, "preset", "cls", "self"]), JSON, max_size=4))
def test_any_json_is_options_or_a_bad_option_that_can_be_told(values: dict[str, Any]) -> None:
    try:
        options = Options.of(**values)
    except ClearcutError as error:
        assert error.code in ("bad_option", "unknown_option")
        assert any(name.startswith(error.facts["name"]) for name in values)
        json.dumps(error.facts)
    else:
        assert set(values) <= {*Options.model_fields, "preset"}
        assert 0 <= options.feather <= 50


def test_options_are_json_values_and_come_back_from_json_the_same() -> None:
    options = Options(model="isnet-general-use", feather=2.5, keep=("upper", "lower"))
    assert Options.of(**json.loads(options.model_dump_json())) == options


def test_options_cannot_be_changed_once_made() -> None:
    with pytest.raises(ValidationError):
        Options().feather = 3  # type: ignore[misc]


def test_without_a_model_the_machines_own_is_meant() -> None:
    machine = Settings(model="isnet-general-use")
    assert Options().model == "automatic"
    for options in (Options(), Options.of(feather=2), Options.of(preset="sticker")):
        filled = options.with_defaults_of(machine)
        assert filled == options.model_copy(update={"model": "isnet-general-use"})
        assert options.with_defaults_of(DEFAULTS) == options
    for asked in (Options(model="u2netp"), Options.of(model="u2netp")):
        assert asked.with_defaults_of(machine).model == "u2netp"


def test_the_machines_model_is_not_filled_in_twice() -> None:
    once = Options().with_defaults_of(Settings(model="isnet-general-use"))
    assert once.with_defaults_of(Settings(model="silueta")).model == "isnet-general-use"


def test_options_ask_nothing_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARCUT_SLOTS", "none")
    monkeypatch.setenv("CLEARCUT_MODEL", "isnet-general-use")
    assert Options.of(feather=1) == Options(feather=1)
    assert Options().model == "automatic"
    with pytest.raises(ClearcutError) as caught:  # whoever reads the environment is told, and of a setting
        Settings.read(os.environ)
    assert (caught.value.code, caught.value.facts["name"]) == ("bad_setting", "CLEARCUT_SLOTS")


# ---- flags and words -------------------------------------------------------------------------------------------------


def flags() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    add_flags(parser, Options, "option", "en")
    return parser


@pytest.mark.parametrize("name", Options.model_fields)
def test_each_option_has_a_flag_that_says_the_same_as_its_field(name: str) -> None:
    value = other_than_default(name)
    flag = "--" + name.replace("_", "-")
    given_as = [flag, str(value)]
    if isinstance(value, bool):
        given_as = [flag] if value else [flag.replace("--", "--no-", 1)]
    arguments = flags().parse_args(given_as)
    assert Options.of(**pick_given_values(arguments, Options)) == Options.of(**{name: value}) != Options()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", Options.model_fields)
def test_the_help_of_an_option_names_its_limits_and_all_that_it_may_be(name: str, language: str) -> None:
    field = Options.model_json_schema()["properties"][name]
    words = load_words(language)[f"option.{name}.help"]
    told = [field[limit] for limit in ("minimum", "maximum") if limit in field and "enum" not in field]
    for each in [*told, *field.get("enum", ())]:
        assert re.search(
            rf"(?<![\d.]){re.escape(f'{each:g}' if isinstance(each, float) else str(each))}(?![\d.]\d)", words
        )


@pytest.mark.parametrize("colour", ["white", "#fff", "#FFFFFF", "rgb(255, 255, 255)", "rgba(255.0, 255, 255, 1)"])
def test_a_colour_is_taken_in_every_form_that_people_and_browsers_write(colour: str) -> None:
    assert Options.of(outline_color=colour).outline_color == "#ffffff"


@pytest.mark.parametrize("colour", ["", "whiteish", "#ff", 5, None, "rgb(1)", "#ggg"])
def test_what_is_no_colour_is_refused_by_name(colour: Any) -> None:
    assert bad_option(background_color=colour)["name"] == "background_color"


def test_a_preset_gives_way_to_what_is_given_beside_it() -> None:
    assert Options.of(preset="sticker").crop and not Options.of(preset="sticker", crop=False).crop
    assert Options.of(preset="") == Options()


@pytest.mark.parametrize("name", Options.model_fields)
def test_an_option_does_nothing_alone_where_its_field_says_what_it_goes_with(name: str) -> None:
    value = other_than_default(name)
    alone = Options.of(**{name: value}).list_without_effect()
    warns_by_itself = name in ("sheet", "max_kb")
    assert alone == ((name,) if NEEDED.get(name) and not warns_by_itself else ())
    assert Options.of(**NEEDED.get(name, {}), **{name: value}).list_without_effect() == ()


IDLE: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({}, ()),
    ({"quality": 90}, ("quality",)),
    ({"preset": "sticker", "shadow": "none", "outline": 0}, ()),
    ({"preset": "sticker", "shadow": "none", "shadow_x": 1}, ("shadow_x",)),
    ({"format": "jpeg", "background_color": "red"}, ()),
    ({"background": "original", "background_color": "red"}, ()),
    ({"format": "matte", "background": "color", "shadow": "none", "outline": 2}, ("background", "outline")),
    ({"format": "zip", "keep_exif": False}, ()),
    ({"format": "zip", "keep_exif": True}, ("keep_exif",)),
    ({"background_image": True, "background_x": 10}, ()),
    ({"canvas": "id-35x45", "margin": 12}, ()),
]


@pytest.mark.parametrize(("values", "idle"), IDLE, ids=lambda value: str(value)[:30])
def test_what_was_asked_for_and_changes_nothing_is_known(values: dict[str, Any], idle: tuple[str, ...]) -> None:
    options = Options.of(**values)
    assert options.list_without_effect() == options.with_defaults_of(DEFAULTS).list_without_effect() == idle


@pytest.mark.parametrize("preset", ["stickers", 5, None, ["logo"]])
def test_a_preset_that_does_not_exist_is_refused_with_those_that_do(preset: Any) -> None:
    facts = bad_option(preset=preset)
    assert facts["name"] == "preset" and "sticker" in facts["accepted"]


def test_flags_that_were_not_given_leave_the_defaults_alone() -> None:
    assert pick_given_values(flags().parse_args([]), Options) == {}


@pytest.mark.parametrize(
    ("given", "offline"), [("--offline", True), ("--offline 0", False), ("--offline=no", False), ("--offline on", True)]
)
def test_a_switch_of_the_web_server_takes_what_its_variable_takes(given: str, offline: bool) -> None:
    parser = Parser()
    add_flags(parser, ServerSettings, "setting", "en")
    picked = pick_given_values(parser.parse_args(given.split()), ServerSettings)
    assert ServerSettings.read({"CLEARCUT_OFFLINE": "1"}, **picked).offline is offline


def test_a_flag_that_is_no_option_is_not_chosen() -> None:
    arguments = argparse.Namespace(feather="1", force=True, photos=["a.jpg"])
    assert pick_given_values(arguments, Options) == {"feather": "1"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", Options.model_fields)
def test_each_option_has_a_label_and_help_in_each_language(name: str, language: str) -> None:
    words = load_words(language)
    assert words[f"option.{name}.label"].strip()
    assert words[f"option.{name}.help"].strip()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_help_of_an_option_tells_its_real_limits_and_default(language: str) -> None:
    numbers = re.findall(r"\d+", load_words(language)["option.feather.help"])
    field = Options.model_json_schema()["properties"]["feather"]
    limits = [int(field["minimum"]), int(field["maximum"]), int(field["default"])]
    assert [int(number) for number in numbers] == limits


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_option_or_setting_has_words_without_a_field(language: str) -> None:
    named = {tuple(key.split(".")[:2]) for key in load_words(language) if key.startswith(("option.", "setting."))}
    fields = {("option", name) for name in Options.model_fields}
    assert named == fields | {("setting", name) for name in ServerSettings.model_fields}


def test_what_an_option_takes_is_told_in_the_language_of_the_sentence() -> None:
    with pytest.raises(ClearcutError) as caught:
        Options.of(canvas="abc")
    assert "NAME" in explain(caught.value, "en")
    assert "NAME" not in explain(caught.value, "zh-CN") and "名称" in explain(caught.value, "zh-CN")
