"""`dlheir benchmark`: what it takes from a stopwatch; no test judges the time itself."""

import importlib.util
import json
from types import SimpleNamespace

import pytest

from dlheir.benchmarks import sweep
from dlheir.benchmarks.figure import Figure
from dlheir.benchmarks.main import BENCHMARKS


@pytest.fixture
def stopwatch(monkeypatch):
    """Time two cells that start at 2 s and 3 s and end at 10 s and 12 s."""

    def run_cells(cells, resources, *, address, retries, on_change):
        first, second = cells
        for now, cell, own in (
            (2, first, None),
            (3, second, None),
            (10, first, 7),
            (12, second, 8),
        ):
            clock.now = now
            on_change(cell, own and SimpleNamespace(seconds=own))

    clock = SimpleNamespace(now=0.5)
    monkeypatch.setattr(sweep, "run_cells", run_cells)
    monkeypatch.setattr(sweep.time, "perf_counter", lambda: clock.now)
    return sweep._Stopwatch([SimpleNamespace(id="a"), SimpleNamespace(id="b")])


def test_stopwatch(stopwatch):
    assert stopwatch.before == 1.5
    assert stopwatch.cells == 10
    assert stopwatch.of_runs == 7.5
    assert stopwatch.overhead == ((10 - 2 - 7) + (12 - 3 - 8)) / 2


def test_unknown_benchmark(main):
    finished = main("benchmark", "sweeps")
    assert finished.code == 2
    known = ", ".join(BENCHMARKS)
    assert finished.complaints == [f"dlheir: unknown benchmark 'sweeps'; there are {known}"]


def test_every_benchmark_has_its_module():
    for name in BENCHMARKS:
        assert importlib.util.find_spec(f"dlheir.benchmarks.{name}")


@pytest.mark.parametrize(
    ("unit", "value", "target", "met"),
    [("times", 3, 3, True), ("times", 2.9, 3, False), ("s", 0.3, 0.3, True), ("s", 1, 0.3, False)],
)
def test_targets_bound_durations_from_above_and_all_else_from_below(unit, value, target, met):
    assert Figure("x", value, unit, target=target).met is met
    assert Figure("x", value, unit).met is None


@pytest.mark.soak
def test_sweep_benchmark(dlheir):
    finished = dlheir("benchmark", "sweep", "--json")
    assert finished.code == 0, finished.err
    figures = json.loads(finished.out)["benchmarks"]["sweep"]
    assert all(figure["value"] > 0 for figure in figures)
    assert figures[-1]["unit"] == "times"
