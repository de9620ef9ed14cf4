"""Taking turns by the clock: a clock of the tests' own, which moves while the works are called."""

import sys
from types import SimpleNamespace

import pytest

from dlheir.benchmarks import alternately
from dlheir.benchmarks.alternately import duration, in_processes, run_command, side_by_side
from dlheir.errors import WorkError


@pytest.fixture
def clock(monkeypatch):
    """Stand in for the clock, and make works that move it and note their calls."""
    clock = SimpleNamespace(now=0.0, calls="")
    monkeypatch.setattr(alternately, "time", SimpleNamespace(perf_counter=lambda: clock.now))

    def work(letter, seconds):
        left = iter(seconds)

        def call():
            clock.calls += letter
            clock.now += next(left)

        return call

    clock.work = work
    return clock


def test_who_goes_first_alternates(clock):
    ours, other = clock.work("o", [1] * 9), clock.work("t", [1] * 9)
    side_by_side("x", ours, other, against="y", repeats=4, warmup=2)
    # Two warm-ups, one call each to see how long they take, four turns.
    assert clock.calls == "otot" + "ot" + "ot" + "to" + "ot" + "to"


def test_the_ratio_is_that_of_medians_and_first_calls_do_not_count(clock):
    ours = clock.work("o", [900, 800, 1, 2, 64])
    other = clock.work("t", [700, 600, 5, 128, 8])
    figure = side_by_side("x", ours, other, against="y", target=3, repeats=3, warmup=1)
    assert (figure.ours, figure.other, figure.value) == (2, 8, 4)
    assert (figure.name, figure.unit, figure.against) == ("x", "times", "y")
    assert (figure.target, figure.repeats, figure.met) == (3, 3, True)


def test_short_works_are_called_until_the_clock_sees_them(clock):
    ours, other = clock.work("o", [2**-10] * 1000), clock.work("t", [2**-9] * 1000)
    figure = side_by_side("x", ours, other, against="y", repeats=1, warmup=0)
    assert (figure.ours, figure.other, figure.value) == (2**-10, 2**-9, 2)  # of one call each
    each = [len(calls) for calls in clock.calls.replace("ot", "o t").split()]
    # The last two are the measurements: of at least 50 ms.
    assert each[-2] * 2**-10 >= 0.05
    assert each[-1] * 2**-9 >= 0.05


def test_works_that_the_clock_does_not_see_end_all_the_same(clock):
    figure = duration("x", clock.work("o", [0] * 50_000 + [1]), repeats=1, warmup=0)
    assert figure.value == 0


def test_duration_is_the_median(clock):
    figure = duration("x", clock.work("o", [900, 800, 3, 1, 2]), target=1, repeats=3, warmup=1)
    assert (figure.value, figure.ours, figure.unit, figure.repeats) == (2, 2, "s", 3)
    assert figure.met is False


def test_processes_take_turns_too(monkeypatch):
    seconds = {"ours": iter([900, 1, 2, 64]), "other": iter([700, 5, 128, 8])}
    started = []

    def run_command(command):
        started.append(command[0])
        return next(seconds[command[0]])

    monkeypatch.setattr(alternately, "run_command", run_command)
    figure = in_processes("x", ["ours"], ["other"], against="y", target=5, repeats=3)
    assert " ".join(started) == "ours other" + " ours other" + " other ours" + " ours other"
    assert (figure.ours, figure.other, figure.value, figure.met) == (2, 8, 4, False)


def test_a_command_is_timed_from_start_to_end(monkeypatch):
    times = iter([3.0, 5.5])
    monkeypatch.setattr(alternately.time, "perf_counter", lambda: next(times))
    assert run_command([sys.executable, "-c", "pass"]) == 2.5


def test_a_failing_command_says_its_last_line():
    with pytest.raises(WorkError, match=r"-c .*: exit code 3: out of luck$"):
        run_command(
            [sys.executable, "-c", "import sys; print('x\\nout of luck', file=sys.stderr); exit(3)"]
        )
