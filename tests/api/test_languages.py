"""Which language an error is told in: the one that the caller's ``Accept-Language`` prefers of those of the house."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from pipeline import LANGUAGES, say
from server.replies import choose_language

ENGLISH = [
    "zh;q=0.1, en;q=0.9",
    "en",
    "en-GB,en;q=0.9,zh;q=0.8",
    "fr, en;q=0.5, zh;q=0.1",
    "en;q=1.0,zh;q=0.999",
    "*",
    "*;q=0.5",
    "",
    None,
    " ",
    "fr",
    "de-DE, fr;q=0.5",
    "zh;q=0",
    "zh-CN;q=0.0, *",
    "zh;q=0, en;q=0.1",
    ";;;,,,",
    "q=1",
    ";q=1",
    "\x00\xff",
    "zhuang",
    "no-such-language-at-all",
    "中文",
]
CHINESE = [
    "zh",
    "zh-TW",
    "zh-Hans-CN;q=0.8,fr",
    "ZH-cn",
    "zh_CN",
    "en;q=0.1, zh;q=0.9",
    "fr, zh;q=0.2, en;q=0.1",
    "en;q=0, zh;q=0.1",
    "en;q=0, zh",
    "zh-CN,zh;q=0.9,en;q=0.8",
    " zh ; q=0.5 , en;q=0.4",
    ",,zh,,",
]


@pytest.mark.parametrize("header", ENGLISH)
def test_english_is_told_where_it_is_preferred_or_nothing_of_ours_is(header: str | None) -> None:
    assert choose_language(header) == "en"


@pytest.mark.parametrize("header", CHINESE)
def test_chinese_is_told_where_it_is_preferred_whatever_its_country_or_script(header: str) -> None:
    assert choose_language(header) == "zh-CN"


@given(st.text())
def test_any_text_is_a_language_of_the_house(header: str) -> None:
    assert choose_language(header) in LANGUAGES


PARTS = st.sampled_from(
    ["zh", "en", "*", "-", "_", ";", ",", "q", "=", "0", ".", "1", "-1", "e9", "nan", "inf", '"', " "]
)


@given(st.lists(PARTS, max_size=20).map("".join))
def test_what_is_almost_a_header_is_a_language_of_the_house(header: str) -> None:
    assert choose_language(header) in LANGUAGES


TAGS = st.sampled_from(["zh", "zh-TW", "zh-Hant-HK", "en", "en-GB", "fr", "de-AT", "ja"])


@given(st.dictionaries(TAGS, st.integers(0, 1000), max_size=6))
def test_the_highest_weight_decides_and_none_excludes(wanted: dict[str, int]) -> None:
    chosen = choose_language(", ".join(f"{tag};q={quality / 1000:.3f}" for tag, quality in wanted.items()))
    ours = {tag: quality for tag, quality in wanted.items() if quality and tag[:2] in ("zh", "en")}
    best = {tag[:2] for tag, quality in ours.items() if quality == max(ours.values())}
    assert chosen[:2] in (best or {"en"})


@pytest.mark.parametrize(("header", "language"), [("zh;q=0.1, en;q=0.9", "en"), ("zh-TW", "zh-CN"), ("*", "en")])
def test_an_error_and_its_header_are_in_that_language(client: TestClient, header: str, language: str) -> None:
    answer = client.post("/api/remove-bg", headers={"Accept-Language": header})
    assert answer.headers["content-language"] == language
    assert answer.json()["sentence"] == say(f"error.{answer.json()['code']}", language, **answer.json()["facts"])


def test_garbage_in_the_header_is_no_error_of_the_server(client: TestClient) -> None:
    for header in (b"\xff\xfe", b"zh;q=\xe9", b"," * 5000, b"zh" * 3000, b"q=0;" * 500):
        answer = client.get("/api/nothing", headers={b"Accept-Language": header})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
