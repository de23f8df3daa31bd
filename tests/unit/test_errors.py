"""Errors: a code and its facts, which survive the way from one process to another."""

import copy
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, cast, get_args

import pytest

from pipeline.base.errors import ANSWERS, ClearcutError, Code, as_clearcut_error
from pipeline.base.words import LANGUAGES, explain, load_words

FACTS: dict[str, Any] = {"file": "Ünïcödé 猫.onnx", "megabytes": 4.6, "waiting": 3, "members": ["a", "b"]}


def raise_error(code: Code, facts: dict[str, Any]) -> None:
    """What a worker process does."""
    raise ClearcutError(code, **facts)


def test_the_codes_are_those_that_have_an_answer() -> None:
    assert set(get_args(Code)) == set(ANSWERS)
    assert len(get_args(Code)) == len(set(get_args(Code)))


@pytest.mark.parametrize("copied", [lambda each: pickle.loads(pickle.dumps(each)), copy.copy, copy.deepcopy])
def test_an_error_survives_pickling(copied: Callable[[ClearcutError], ClearcutError]) -> None:
    for code in get_args(Code):
        error = ClearcutError(code, **FACTS)
        same = copied(error)
        assert type(same) is ClearcutError
        assert (same.code, same.facts) == (code, FACTS)
        assert (same.status, same.exit_code, str(same)) == (error.status, error.exit_code, str(error))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_survives_every_protocol(protocol: int) -> None:
    same = pickle.loads(pickle.dumps(ClearcutError("busy", waiting=3), protocol))
    assert (same.code, same.facts, same.status) == ("busy", {"waiting": 3}, 429)


def test_an_error_of_a_worker_process_arrives_as_it_was() -> None:
    with ProcessPoolExecutor(1, get_context("spawn")) as workers, pytest.raises(ClearcutError) as caught:
        workers.submit(raise_error, "wrong_checksum", {"file": "猫.onnx"}).result()
    assert (caught.value.code, caught.value.facts) == ("wrong_checksum", {"file": "猫.onnx"})


@pytest.mark.parametrize("code", ["of_tomorrow", "", "unexpected "])
def test_an_unknown_code_is_answered_as_what_was_not_expected(code: str) -> None:
    error = ClearcutError(cast(Code, code), what=1)
    assert (error.status, error.exit_code) == tuple(ANSWERS["unexpected"])
    assert pickle.loads(pickle.dumps(error)).status == 500
    assert (error.code, as_clearcut_error(error)) == (code, error)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_has_a_sentence(language: str) -> None:
    for code in get_args(Code):
        assert explain(ClearcutError(code), language) == load_words(language)[f"error.{code}"] != "", code
