"""Runs killed at random moments, resumed, and held against a run that nobody killed."""

import math
import shutil
import signal
import time

import numpy as np
import pytest
from command_line import the_run
from test_resume import GO_ON, LONG, assert_same_run

pytestmark = pytest.mark.soak
KILLS = 20
MOST_KILLS_A_RUN = 3
TEST_SHARE = 0.25  # of the kills, those that wait for the test half


def test_random_kills_change_nothing(start, dlheir, small, tmp_path, request):
    option = request.config.getoption
    kills = math.ceil(KILLS * option("--soak-share"))
    random = np.random.default_rng(option("--soak-seed"))

    whole = dlheir(*small(tmp_path / "whole", **LONG))
    assert whole.code == 0, whole.err
    runs, command = tmp_path / "runs", small(tmp_path / "runs", **LONG)
    counts = {"before the folder": 0, "in training": 0, "in the test": 0, "after the end": 0}
    compared = 0
    while kills > 0:
        for _ in range(min(kills, int(random.integers(1, MOST_KILLS_A_RUN + 1)))):
            running = start(*command, *GO_ON)
            moment = draw_moment(random, runs)
            running.wait_until(lambda: running.process.poll() is not None or moment())  # noqa: B023
            time.sleep(random.uniform(0, 0.2))
            running.stop(signal.SIGKILL)
            counts[stage(runs)] += 1
            kills -= 1
        resumed = dlheir(*command, *GO_ON)
        assert resumed.code == 0, resumed.err
        assert_same_run(the_run(runs), the_run(tmp_path / "whole"))
        compared += 1
        shutil.rmtree(runs)
    print(f"kills: {counts}; {compared} resumed runs equal to the one that was not killed")


def draw_moment(random, runs):
    """A condition that comes true somewhere in the rest of the run."""
    if random.random() < TEST_SHARE:
        return lambda: any(runs.glob("*/*/store.sqlite"))
    epoch = random.integers(epochs_begun(runs), LONG["trainer__max_epochs"], endpoint=True)
    return lambda: epochs_begun(runs) >= epoch


def epochs_begun(runs):
    """Number of epochs that logged something, from 0 for a run that has not begun."""
    logged = "".join(path.read_text() for path in runs.glob("*/*/metrics.csv"))
    epochs = [int(line.split(",")[1]) for line in logged.splitlines()[1:-1]]
    return max(epochs, default=-1) + 1


def stage(runs):
    """How far the run had come."""
    if not any(runs.glob("*/*/config.yaml")):
        return "before the folder"
    folder = the_run(runs)
    if (folder / "results.json").exists():
        return "after the end"
    return "in the test" if (folder / "store.sqlite").exists() else "in training"
