"""Durations of two things that take turns, so that what else the machine does hits both alike."""

import subprocess
import time
from collections.abc import Callable, Sequence
from statistics import median

from dlheir.benchmarks.figure import TIMES, Figure
from dlheir.errors import WorkError

REPEATS = 7
# A duration is of as many calls as take so long together: the clock's own time is far below it, and
# what the other one left behind, cold caches and threads that spin, weighs little.
_LEAST_SECONDS = 0.05
_MOST_CALLS = 10_000

Work = Callable[[], object]


def side_by_side(
    name: str,
    ours: Work,
    other: Work,
    *,
    against: str,
    target: float | None = None,
    repeats: int = REPEATS,
    warmup: int = 1,
) -> Figure:
    """Run two functions in turns in this process; who goes first changes each time.

    Args:
        name: What is measured.
        ours: One call of ours. Short ones are called several times for each measurement.
        other: One call of what does the same work.
        against: What the other one is.
        target: The least ratio to reach.
        repeats: Measurements of each, at least 1.
        warmup: Calls of each before that, which do not count; one more of each counts neither, it
            tells how many calls make a measurement.

    Returns:
        The ratio of medians, other / ours.
    """
    for _ in range(warmup):
        ours()
        other()
    found = _in_turns(_repeated(ours), _repeated(other), repeats)
    return _ratio(name, found, against, target, repeats)


def in_processes(
    name: str,
    ours: Sequence[str],
    other: Sequence[str],
    *,
    against: str,
    target: float | None = None,
    repeats: int = REPEATS,
) -> Figure:
    """Run two commands in turns, each in a process of its own, from its start to its end.

    Args:
        name: What is measured.
        ours: Our command, the program first.
        other: The other one.
        against: What the other one is.
        target: The least ratio to reach.
        repeats: Measurements of each, at least 1. One more of each comes first and does not
            count: it brings the files into memory.

    Returns:
        The ratio of medians, other / ours.

    Raises:
        WorkError: A command failed.
    """
    run_command(ours)
    run_command(other)
    found = _in_turns(lambda: run_command(ours), lambda: run_command(other), repeats)
    return _ratio(name, found, against, target, repeats)


def duration(
    name: str, work: Work, *, target: float | None = None, repeats: int = REPEATS, warmup: int = 1
) -> Figure:
    """Run one function alone, where there is nothing to compare it with.

    Args:
        name: What is measured.
        work: One call of it.
        target: The most seconds that it should take.
        repeats: Measurements, at least 1.
        warmup: Calls before that, as there.

    Returns:
        The median in seconds.
    """
    for _ in range(warmup):
        work()
    measure = _repeated(work)
    seconds = median(measure() for _ in range(repeats))
    return Figure(name, seconds, "s", ours=seconds, target=target, repeats=repeats)


def run_command(command: Sequence[str]) -> float:
    """Run a command, which says nothing here, and return its seconds.

    Raises:
        WorkError: It failed.
    """
    began = time.perf_counter()
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if ended.returncode != 0:
        last = (ended.stderr.strip().splitlines() or ["nothing said"])[-1]
        raise WorkError(f"{' '.join(command)}: exit code {ended.returncode}: {last}")
    return seconds


def _in_turns(
    ours: Callable[[], float], other: Callable[[], float], repeats: int
) -> tuple[float, float]:
    """Medians of both."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for turn in range(repeats):
        for which in (0, 1) if turn % 2 == 0 else (1, 0):
            seconds[which].append((ours, other)[which]())
    return median(seconds[0]), median(seconds[1])


def _repeated(work: Work) -> Callable[[], float]:
    """Measure seconds of one call, over as many calls as the clock needs."""
    calls, spent = 1, _seconds(work, 1)
    while spent < _LEAST_SECONDS and calls < _MOST_CALLS:
        # Twice at most, and more only where the clock saw nothing: the first call may be slow.
        calls = min(_MOST_CALLS, max(2 * calls, int(calls * _LEAST_SECONDS / max(spent, 1e-7))))
        spent = _seconds(work, calls)
    return lambda: _seconds(work, calls) / calls


def _seconds(work: Work, calls: int) -> float:
    began = time.perf_counter()
    for _ in range(calls):
        work()
    return time.perf_counter() - began


def _ratio(
    name: str, found: tuple[float, float], against: str, target: float | None, repeats: int
) -> Figure:
    ours, other = found
    return Figure(name, other / ours, TIMES, ours, other, against, target, repeats)
