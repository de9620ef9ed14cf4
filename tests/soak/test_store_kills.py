"""A store whose writer is killed at random moments, a thousand times, and goes on each time."""

import json
import math
import os
import select
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict, deque
from contextlib import suppress
from dataclasses import dataclass
from itertools import count, cycle, pairwise, product

import numpy as np
import pytest
import store_writer
from command_line import PATIENCE
from killed_store import KINDS, KilledStore

from dlheir.store.policy import MODES

pytestmark = pytest.mark.soak
KILLS = 1000
AT_LEAST = 30  # in each kind of work
MOST_KILLS_A_JOB = {"add": 4, "rotate": 8, "remove": 4}  # a rotation has the most steps


def test_no_kill_loses_a_picture_or_leaves_half_a_batch(tmp_path, request, writer):
    option = request.config.getoption
    kills = math.ceil(KILLS * option("--soak-share"))
    draw = np.random.default_rng(option("--soak-seed"))
    settings = zip(cycle([12, 48]), product(MODES, [None, "blobs"], [False, True]), strict=False)
    stores = [
        KilledStore.create(tmp_path / f"{number}", mode, bits, blobs, network)
        for number, (bits, (mode, blobs, network)) in enumerate(settings)
    ]
    aim, jobs = Aim(draw), 0
    for number, store in zip(count(), cycle(stores), strict=False):
        for kind in KINDS:
            job = store.job(kind, number)
            for _ in range(min(draw.integers(1, MOST_KILLS_A_JOB[kind] + 1), kills - aim.kills)):
                outcome = writer.run(job, aim.moment(kind, store.outside))
                aim.learn(kind, store.outside, outcome)
                if not outcome.killed:  # the moment did not come
                    break
                store.check_after_kill(job, outcome.said, tmp_path)
            writer.run(job)
            store.check_after_end(job, tmp_path)
            jobs += 1
        if aim.kills == kills:
            break
    print(f"\n{kills} kills, {jobs} jobs brought to their end\n{aim}")
    share = min(1, option("--soak-share"))
    assert all(aim.hits_in(kind) >= math.floor(AT_LEAST * share) for kind in KINDS)


@dataclass(frozen=True)
class Moment:
    """When to kill.

    Attributes:
        step: In this step,
        times: when it has begun for so many times,
        delay: so many seconds later.
    """

    step: str
    times: int
    delay: float


@dataclass
class Outcome:
    """How a job ended.

    Attributes:
        steps: In the order in which they began, each with the time; "ended" after the last of a
            process that was not killed.
        code: Its exit code.
    """

    steps: list[tuple[str, float]]
    code: int

    @property
    def said(self) -> list[str]:
        return [step for step, _ in self.steps]

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL


class Aim:
    """Draws moments so that every step of every kind of work gets its share of kills."""

    def __init__(self, draw):
        self._draw = draw
        self._tries, self._hits = Counter(), Counter()
        self._durations = defaultdict(lambda: {"opening": [0.3]})  # seconds: anywhere, at first

    @property
    def kills(self) -> int:
        return self._hits.total()

    def hits_in(self, kind) -> int:
        return sum(hits for (of_kind, _), hits in self._hits.items() if of_kind == kind)

    def learn(self, kind, outside, outcome):
        """Count a kill, and note how long each whole step took, each time that it came."""
        durations = {}
        for (step, begun), (_, end) in pairwise(outcome.steps):
            durations.setdefault(step, []).append(end - begun)
        self._durations[kind, outside].update(durations)
        if outcome.killed:
            self._hits[kind, outcome.said[-1]] += 1

    def moment(self, kind, outside) -> Moment:
        """Somewhere in the step that was hit, or at least tried, the fewest times.

        A short one is often over when the kill comes, which then hits what follows.
        """
        durations = self._durations[kind, outside]
        step = min(durations, key=lambda s: self._hits[kind, s] + self._tries[kind, s] / 4)
        self._tries[kind, step] += 1
        times = self._draw.integers(len(durations[step]))
        return Moment(step, times + 1, self._draw.uniform(0, durations[step][times]))

    def __str__(self):
        rows = sorted(self._hits.items(), key=lambda row: KINDS.index(row[0][0]))
        return "\n".join(f"{kind:8}{step:18}{hits:4}" for (kind, step), hits in rows)


class Writer:
    """The program that is killed."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, store_writer.__file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._lines, self._begun = deque(), b""

    def run(self, job, moment=None) -> Outcome:
        """Have a job done, and kill it at a moment."""
        self.process.stdin.write(json.dumps(job).encode() + b"\n")
        self.process.stdin.flush()
        process, steps, left = None, [], moment.times if moment else 0
        while True:
            line, at = self._line()
            word, _, number = line.partition(" ")
            if word == "started":
                process = int(number)
            elif word == "ended":
                outcome = Outcome(steps, int(number))
                assert outcome.killed or outcome.code == 0, outcome.said
                steps += [] if outcome.killed else [("ended", at)]
                return outcome
            else:
                steps.append((line, at))
                left -= moment is not None and line == moment.step
                if moment and line == moment.step and left == 0:
                    time.sleep(moment.delay)
                    with suppress(ProcessLookupError):
                        os.kill(process, signal.SIGKILL)

    def _line(self):
        """The next line, and when it came."""
        while not self._lines:
            ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
            assert ready, "the writer hangs"
            self._begun += os.read(self.process.stdout.fileno(), 4096)
            *lines, self._begun = self._begun.split(b"\n")
            self._lines.extend((line.decode(), time.monotonic()) for line in lines)
        return self._lines.popleft()


@pytest.fixture
def writer():
    writer = Writer()
    yield writer
    writer.process.stdin.close()
    writer.process.wait(PATIENCE)
