"""What is written down of each attempt to make a run."""

import json

import pytest

from dlheir.errors import InputError
from dlheir.runs import RunFolder
from dlheir.sweep.attempts import Attempt, add_attempt, read_attempts

FAILED = Attempt("2026-11-22T23:40:01+00:00", 12.5, 1, "node1", ("Epoch 1", "dlheir: broken"))
KILLED = Attempt("2026-11-22T23:41:01+00:00", 0.25, -9, "node2")


@pytest.fixture
def run(tmp_path):
    return RunFolder(tmp_path / "experiment" / "some-run")


def test_none_so_far(run):
    assert read_attempts(run) == []
    assert not run.path.parent.exists()


def test_added_one_after_the_other(run):
    for attempt in (FAILED, KILLED):
        add_attempt(run, attempt)
    assert read_attempts(run) == [FAILED, KILLED]
    folder = run.path.parent / "attempts"
    assert list(folder.iterdir()) == [folder / "some-run.json"]
    assert json.loads((folder / "some-run.json").read_text()) == {
        "schema": 1,
        "run_id": "some-run",
        "attempts": [
            {
                "began": "2026-11-22T23:40:01+00:00",
                "seconds": 12.5,
                "exit_code": 1,
                "host": "node1",
                "last_lines": ["Epoch 1", "dlheir: broken"],
            },
            {
                "began": "2026-11-22T23:41:01+00:00",
                "seconds": 0.25,
                "exit_code": -9,
                "host": "node2",
                "last_lines": [],
            },
        ],
    }


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"schema": 2, "attempts": []}', '{"schema": 1, "attempts": [{}]}'],
)
def test_damaged(run, content):
    run.attempts.parent.mkdir(parents=True)
    run.attempts.write_text(content)
    with pytest.raises(InputError, match=r"attempts/some-run\.json: not a whole list of attempts"):
        read_attempts(run)
