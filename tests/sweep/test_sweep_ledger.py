"""How a run stands, by what its folder really holds."""

import json
import shutil
import subprocess
import sys
from contextlib import contextmanager

import pytest

from dlheir.errors import InputError
from dlheir.results import read_results
from dlheir.runs import RunFolder
from dlheir.sweep import ledger
from dlheir.sweep.attempts import Attempt, add_attempt
from dlheir.sweep.cells import Cell
from dlheir.sweep.grid import Sweep
from dlheir.sweep.ledger import PlannedCell, State, look, read_plan, set_aside, write_plan

HOLD = """
import sys
from pathlib import Path
from dlheir.locks import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def process_at_work(run):
    run.path.mkdir(parents=True, exist_ok=True)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, run.lock],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        process.stdout.readline()
        yield process
        process.stdin.close()


def attempted(run, exit_code, *lines):
    add_attempt(run, Attempt("2026-11-22T23:40:01+00:00", 1.5, exit_code, "node", lines))


@pytest.fixture
def new(tmp_path):
    return RunFolder(tmp_path / "experiment" / "some-run")


@pytest.fixture
def begun(new):
    new.path.mkdir(parents=True)
    new.config.write_text("runs: runs\n")
    return new


@pytest.fixture
def done(finished_run, tmp_path):
    """A copy of a finished run."""
    return RunFolder(shutil.copytree(finished_run.folder, tmp_path / finished_run.folder.name))


@pytest.fixture
def stale(done, monkeypatch):
    monkeypatch.setattr(ledger, "code_sha256", lambda: "0" * 64)
    return done


def change_results(run, **changes):
    results = json.loads(run.results.read_text())
    run.results.write_text(json.dumps(results | changes))


def test_new(new):
    assert look(new) == ledger.Standing(State.NEW)


def test_interrupted(begun):
    assert look(begun).state is State.INTERRUPTED


def test_done(done):
    standing = look(done)
    assert standing.state is State.DONE
    assert standing.results == read_results(done.results)


@pytest.mark.parametrize("exit_code", [1, 2, -9])
@pytest.mark.parametrize("fixture", ["new", "begun"])
def test_failed(request, fixture, exit_code):
    run = request.getfixturevalue(fixture)
    attempted(run, 0)
    attempted(run, exit_code, "Epoch 1", "dlheir: the last line")
    assert look(run) == ledger.Standing(State.FAILED, "the last line")


def test_failed_without_a_word(begun):
    attempted(begun, -9)
    assert look(begun) == ledger.Standing(State.FAILED, "exit code -9")


@pytest.mark.parametrize("exit_code", [0, 130])
def test_last_attempt_decides(begun, exit_code):
    attempted(begun, 1, "dlheir: broken")
    attempted(begun, exit_code, "dlheir: interrupted")
    assert look(begun).state is State.INTERRUPTED


def test_results_count_more_than_attempts(done):
    attempted(done, 1, "dlheir: W&B is broken")
    assert look(done).state is State.DONE


@pytest.mark.parametrize("fixture", ["new", "begun", "done"])
def test_running(request, fixture):
    run = request.getfixturevalue(fixture)
    before = look(run).state
    with process_at_work(run) as process:
        standing = look(run)
        assert standing.state is State.RUNNING
        assert standing.detail.startswith(f"process {process.pid} on ")
    assert look(run).state is before


def test_killed_is_not_running(begun):
    with process_at_work(begun) as process:
        process.kill()
        process.wait()
        assert begun.lock.exists()
        assert look(begun).state is State.INTERRUPTED


def test_stale_names_both_versions(stale, monkeypatch):
    change_results(stale, git_commit="1111111")
    monkeypatch.setattr(ledger, "git_commit", lambda: None)
    standing = look(stale)
    assert standing.state is State.STALE
    assert standing.detail == "made by other code: commit 1111111, now unknown"
    assert standing.results["run_id"] == stale.run_id


def cut_results(run):
    run.results.write_text(run.results.read_text()[:-10])
    return "results.json: not a whole results file"


def results_of_another_run(run):
    change_results(run, run_id="another")
    return "results.json is of another"


def no_checkpoint(run):
    run.last.unlink()
    return "last.ckpt is missing"


def changed_checkpoint(run):
    content = bytearray(run.last.read_bytes())
    content[len(content) // 2] ^= 1
    run.last.write_bytes(content)
    return "last.ckpt is not the checkpoint of its results"


def results_without_code(run):
    results = json.loads(run.results.read_text())
    del results["code_sha256"]
    run.results.write_text(json.dumps(results))
    return "results.json: not a whole results file"


@pytest.mark.parametrize(
    "damage",
    [
        cut_results,
        results_of_another_run,
        no_checkpoint,
        changed_checkpoint,
        results_without_code,
    ],
    ids=lambda f: f.__name__,
)
@pytest.mark.parametrize("fixture", ["done", "stale"])
def test_damaged(request, fixture, damage):
    run = request.getfixturevalue(fixture)
    expected = damage(run)
    standing = look(run)
    assert standing.state is State.DAMAGED
    assert expected in standing.detail
    assert standing.results is None


def test_set_aside_under_the_next_free_name(done, tmp_path):
    for number in (1, 2):
        shutil.copytree(done.path, tmp_path / "again")
        no_checkpoint(done)
        files = sorted(done.path.rglob("*"))
        place = set_aside(done)
        assert place == tmp_path / f"{done.run_id}.damaged-{number}"
        moved = [place / path.relative_to(done.path) for path in files]
        assert sorted(place.rglob("*")) == moved
        assert look(done).state is State.NEW
        (tmp_path / "again").rename(done.path)
    assert look(done).state is State.DONE


def test_set_aside_of_what_is_stale(stale, tmp_path):
    assert set_aside(stale) == tmp_path / f"{stale.run_id}.stale-1"


@pytest.mark.parametrize("fixture", ["new", "begun", "done"])
def test_nothing_else_is_set_aside(request, fixture):
    run = request.getfixturevalue(fixture)
    before = look(run).state
    assert set_aside(run) is None
    assert look(run).state is before
    assert not run.lock.exists()


def test_what_a_process_works_in_is_not_set_aside(done):
    no_checkpoint(done)
    with process_at_work(done), pytest.raises(InputError, match="is at work there"):
        set_aside(done)
    assert done.path.is_dir()


@pytest.fixture
def planned(tmp_path):
    """A plan of two cells, one of them refused, and its file."""
    combinations = ({"model.bits": 12, "seed_everything": 0}, {"model.bits": 0})
    sweep = Sweep("table 1", "dlheir", ("dlheir", "${args}"), "grid", ("model.bits",), combinations)
    cells = [
        Cell(0, combinations[0], ("fit", "--model.bits=12"), run=RunFolder(tmp_path / "some-run")),
        Cell(3, combinations[1], ("fit", "--model.bits=0"), refused="bits is 0"),
    ]
    return cells, write_plan(tmp_path / "experiment", sweep, cells)


def test_plan_is_a_file_for_others(planned, tmp_path):
    cells, path = planned
    assert path == tmp_path / "experiment" / "sweeps" / "table 1.json"
    assert json.loads(path.read_text()) == {
        "schema": 1,
        "name": "table 1",
        "method": "grid",
        "varied": ["model.bits"],
        "cells": [
            {
                "id": "some-run",
                "number": 0,
                "combination": {"model.bits": 12, "seed_everything": 0},
                "arguments": ["fit", "--model.bits=12"],
                "refused": None,
            },
            {
                "id": cells[1].id,
                "number": 3,
                "combination": {"model.bits": 0},
                "arguments": ["fit", "--model.bits=0"],
                "refused": "bits is 0",
            },
        ],
    }


def test_plan_is_read_back(planned):
    cells, path = planned
    plan = read_plan(path)
    assert (plan.name, plan.method, plan.varied) == ("table 1", "grid", ("model.bits",))
    assert plan.cells == tuple(
        PlannedCell(cell.id, cell.number, cell.combination, cell.arguments, cell.refused)
        for cell in cells
    )


def test_missing_plan(tmp_path):
    with pytest.raises(InputError, match="no such plan"):
        read_plan(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("old", "new"),
    [("{", ""), ('"schema": 1', '"schema": 2'), ('"method"', '"x"'), ('"id"', '"x"')],
)
def test_damaged_plan(planned, old, new):
    _, path = planned
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(InputError, match="not a sweep's whole plan"):
        read_plan(path)
