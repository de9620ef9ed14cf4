"""How long a sweep will take: from finished cells, by hand; from a step, only that it is tried."""

import pytest

from dlheir.complexity.counts import measure
from dlheir.models import get_model
from dlheir.runs import RunFolder
from dlheir.sweep.attempts import Attempt, add_attempt
from dlheir.sweep.cells import Cell
from dlheir.sweep.estimate import estimate
from dlheir.sweep.ledger import Standing, State

MODEL = {"name": "dlheir_nano", "tail": None, "options": None}


@pytest.fixture
def cell(tmp_path):
    """Make a cell of 100 training and 150 tested pictures."""

    def cell(name, size, epochs):
        data = {"init_args": {"batch_size": 8}}
        config = {"model": MODEL, "data": data, "trainer": {"precision": "32-true"}}
        return Cell(
            number=0,
            combination={},
            arguments=("fit",),
            run=RunFolder(tmp_path / name),
            config=config,
            classes=3,
            image_size=size,
            training_pictures=100,
            tested_pictures=150,
            epochs=epochs,
        )

    return cell


def done(seconds):
    return Standing(State.DONE, results={"timing": {"training": seconds - 1, "Search": 1}})


def macs(size):
    return measure(get_model("dlheir_nano"), size).macs


def test_finished_cells_tell_by_their_work(cell):
    """Training passes three times: a finished cell did 3 * 2 * 100 + 150 pictures."""
    small, large = cell("small", 32, 2), cell("large", 64, 4)
    rows = [(small, done(75)), (large, Standing(State.NEW))]
    found = estimate(rows, [large], threads=1, on_gpu=False)
    per_mac = 75 / (750 * macs(32))
    assert found.seconds == pytest.approx(per_mac * (3 * 4 * 100 + 150) * macs(64))
    assert found.basis == "1 finished cells"


def test_attempts_count_with_their_start_and_end(cell):
    small = cell("small", 32, 2)
    for seconds in (30.0, 20.0):
        add_attempt(small.run, Attempt("2026-11-22T12:00:00+00:00", seconds, 0, "here", ()))
    rows = [(small, done(75)), (cell("other", 32, 2), Standing(State.NEW))]
    assert estimate(rows, [rows[1][0]], threads=1, on_gpu=False).seconds == pytest.approx(50)


def test_without_finished_cells_a_step_is_tried(cell):
    one = cell("one", 32, 2)
    found = estimate([(one, Standing(State.NEW))], [one], threads=1, on_gpu=False)
    assert found.seconds > 0
    assert found.basis == "one step of one on this machine's cpu"


@pytest.mark.parametrize("state", [State.FAILED, State.STALE, State.DAMAGED])
def test_only_cells_that_are_done_tell(cell, state):
    one = cell("one", 32, 2)
    rows = [(one, Standing(state, results={}))]
    assert "one step" in estimate(rows, [one], threads=1, on_gpu=False).basis


def test_duration():
    from dlheir.sweep.planned import _duration

    assert [_duration(s) for s in (5, 600, 9000)] == ["5 s", "10 min", "2.5 h"]
