"""Answers of baselines in the user's cache: kept once, and never taken for another question's."""

import multiprocessing
import os
import time

import numpy as np
import pytest

from dlheir.callbacks import kept_answers
from dlheir.callbacks.kept_answers import Answered, kept

ASKED = {
    "name": "qin",
    "options": {"bits": 48},
    "seed": 0,
    "k": 2,
    "training": ["a", "b"],
    "database": ["a", "b", "c"],
    "queries": ["d"],
}
ANSWERED = Answered("Qin", np.array([[2, -1]]), {"search": 0.125}, [48], 0.5)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "dlheir" / "baselines"


def refuse():
    raise AssertionError("found again what is kept")


def check(found):
    np.testing.assert_array_equal(found.rows, ANSWERED.rows)
    assert found.rows.dtype == ANSWERED.rows.dtype
    for name in ("title", "seconds", "feature_shape", "compared"):
        assert getattr(found, name) == getattr(ANSWERED, name)


def test_what_is_kept_is_what_was_found():
    check(kept(ASKED, lambda: ANSWERED))
    check(kept(ASKED, refuse))


@pytest.mark.parametrize(
    "other",
    [
        {"name": "qin_harris"},
        {"options": {"bits": 64}},
        {"seed": 1},
        {"k": 3},
        {"training": ["a"]},
        {"database": ["b", "a", "c"]},
        {"queries": ["c"]},
    ],
)
def test_another_question_has_another_answer(other):
    kept(ASKED, lambda: ANSWERED)
    with pytest.raises(AssertionError, match="found again"):
        kept(ASKED | other, refuse)


def test_other_code_answers_anew(monkeypatch):
    kept(ASKED, lambda: ANSWERED)
    monkeypatch.setattr(kept_answers, "code_sha256", lambda: "another")
    with pytest.raises(AssertionError, match="found again"):
        kept(ASKED, refuse)


def test_a_file_among_the_options_stands_for_its_content(tmp_path):
    weights = tmp_path / "weights"
    weights.write_bytes(b"one")
    asked = ASKED | {"options": {"backbone_weights": str(weights)}}
    kept(asked, lambda: ANSWERED)
    check(kept(asked, refuse))
    weights.write_bytes(b"two")
    with pytest.raises(AssertionError, match="found again"):
        kept(asked, refuse)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half"])
def test_what_is_damaged_is_found_again(folder, content):
    kept(ASKED, lambda: ANSWERED)
    (path,) = folder.glob("*.npz")
    path.write_bytes(content)
    check(kept(ASKED, lambda: ANSWERED))
    check(kept(ASKED, refuse))


def test_an_error_keeps_nothing():
    with pytest.raises(AssertionError):
        kept(ASKED, refuse)
    check(kept(ASKED, lambda: ANSWERED))


def test_without_a_cache_that_can_be_written_the_answer_is_found(tmp_path, folder):
    (tmp_path / "dlheir").write_text("no folder")
    check(kept(ASKED, lambda: ANSWERED))
    assert not folder.exists()


def _answer_slowly(marks):
    def answer():
        (marks / f"{os.getpid()}").touch()
        time.sleep(0.5)
        return ANSWERED

    kept(ASKED, answer)


def test_two_processes_find_an_answer_once(tmp_path):
    context = multiprocessing.get_context("fork")
    marks = tmp_path / "marks"
    marks.mkdir()
    processes = [context.Process(target=_answer_slowly, args=(marks,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert len(list(marks.iterdir())) == 1
