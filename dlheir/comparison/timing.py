"""Durations of what several systems do, taken in turns."""

import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from dlheir.baselines import System
from dlheir.errors import WorkError

T = TypeVar("T")
# From the first line on, which the interpreter reaches the same way for every system.
_LOAD = """
import sys, time
content = sys.stdin.buffer.read()
began = time.perf_counter()
import pickle
pickle.loads(content)
print(time.perf_counter() - began)
"""


def timed(call: Callable[[], T]) -> tuple[float, T]:
    """Seconds that a call takes, and what it returns."""
    began = time.perf_counter()
    found = call()
    return time.perf_counter() - began, found


def in_turns(calls: Sequence[Callable[[int], Any]], rounds: int) -> list[list[float]]:
    """Time calls of several systems, so that what disturbs the machine disturbs all of them.

    Args:
        calls: One of each system; they take the number of the round. Each is called once more at
            the beginning, which is not counted.
        rounds: In each, every call is made once, in an order drawn anew: none always follows the
            same other one, which may leave the caches cold.

    Returns:
        For each of `calls`, the seconds of its rounds.
    """
    seconds: list[list[float]] = [[] for _ in calls]
    for call in calls:
        call(0)
    random = np.random.default_rng(0)
    for number in range(rounds):
        for chosen in random.permutation(len(calls)):
            began = time.perf_counter()
            calls[chosen](number)
            seconds[chosen].append(time.perf_counter() - began)
    return seconds


def summary(seconds: Sequence[float]) -> dict[str, Any]:
    """Median and quartiles, and how many values they are of."""
    lower, median, upper = np.quantile(seconds, (0.25, 0.5, 0.75))
    return {"median": float(median), "quartiles": [float(lower), float(upper)], "of": len(seconds)}


def load_seconds(system: System[Any], repeats: int) -> list[float]:
    """How long a fresh process takes to import, and to load the network or the codebook.

    Args:
        system: Prepared. Its keys go to the processes through pipes, not through files.
        repeats: How many processes, one after the other.

    Raises:
        WorkError: The system cannot be handed over, or a process fails.
    """
    try:
        content = pickle.dumps(system)
    except Exception as error:  # whatever the parts of a system raise
        raise WorkError(
            f"{system.title}: cannot be pickled to time its loading: {error}"
        ) from error
    found = []
    for _ in range(repeats):
        process = subprocess.run(
            [sys.executable, "-c", _LOAD], input=content, capture_output=True, check=False
        )
        if process.returncode:
            last = process.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise WorkError(f"{system.title}: loading failed: {' '.join(last)}")
        found.append(float(process.stdout))
    return found
