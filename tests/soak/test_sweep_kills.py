"""Sweeps whose processes are killed at random moments, held against one that nobody disturbed."""

import math
import os
import shutil
import signal
import time

import numpy as np
import pytest
import yaml
from marked_processes import marked, new_mark, wait_until_gone
from test_resume import LONG, assert_same_run

pytestmark = pytest.mark.soak
KILLS = 10  # of each kind of process
LONGEST_WAIT = 20  # seconds until a kill, longer than the sweep takes to get into its runs
PARAMETERS = {"model.bits": [12, 24], "seed_everything": [0, 1]}
# What the command lines of the processes have in them, and how the launcher ends without one.
VICTIMS = {
    "launcher": ("-m dlheir sweep", -signal.SIGKILL),
    "head": ("gcs_server ", 1),
    "this machine's raylet": ("raylet/raylet ", 1),
    "worker": ("ray::dlheir_nano", None),
    "run": ("-m dlheir fit", None),
}


@pytest.fixture(scope="module")
def grid(small, tmp_path_factory):
    """Write a grid file of four runs into a folder of runs."""

    def grid(runs):
        path = tmp_path_factory.mktemp("grid") / "tiny.yaml"
        command = small(runs, experiment="tiny", **LONG)
        sweep = {
            "program": "dlheir",
            "method": "grid",
            "command": ["${env}", "${interpreter}", "-m", "dlheir", *command, "${args}"],
            "parameters": {name: {"values": values} for name, values in PARAMETERS.items()},
        }
        path.write_text(yaml.safe_dump(sweep))
        return ("sweep", path, "--cpus-per-run", 1, "--retries", 100)

    return grid


@pytest.fixture(scope="module")
def undisturbed(grid, dlheir, tmp_path_factory):
    runs = tmp_path_factory.mktemp("undisturbed")
    finished = dlheir(*grid(runs))
    assert finished.code == 0, finished.err
    return runs


@pytest.mark.parametrize("victim", VICTIMS)
def test_random_kills_change_nothing(start, grid, undisturbed, tmp_path, request, victim):
    option = request.config.getoption
    kills = math.ceil(KILLS * option("--soak-share"))
    random = np.random.default_rng([option("--soak-seed"), *victim.encode()])
    words, code = VICTIMS[victim]
    runs, mark = tmp_path / "runs", new_mark()
    command = grid(runs)
    running, done, sweeps = start(*command, env=mark), 0, 0
    while done < kills:
        time.sleep(random.uniform(0, LONGEST_WAIT))
        if running.process.poll() is None:
            killed = kill_one(mark, words, random)
            done += killed
            if not killed or code is None:
                continue
            ended = running.wait()
            assert ended.code == code, ended.err
            assert "Traceback" not in ended.err
        else:
            check(running.wait(), runs, undisturbed)
            shutil.rmtree(runs)
            sweeps += 1
        running = start(*command, env=mark)
    ended = running.wait()
    check(ended, runs, undisturbed)
    wait_until_gone(mark)
    print(f"\n{done} kills of the {victim} in {sweeps + 1} sweeps")


def kill_one(mark, words, random):
    """Kill one of such processes; whether there was one."""
    found = sorted(pid for pid, command in marked(mark).items() if words in command)
    if not found:
        return False
    try:
        os.kill(random.choice(found), signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def check(ended, runs, undisturbed):
    """The runs and the tables are those of the undisturbed sweep, bit by bit."""
    assert ended.code == 0, ended.err
    wholes = sorted(undisturbed.glob("tiny/dlheir_nano*"))
    assert len(wholes) == 4
    for whole in wholes:
        assert_same_run(runs / whole.relative_to(undisturbed), whole)
    tables = list(undisturbed.glob("tiny/report/tables/*.csv"))
    assert any(table.name == "table1.csv" for table in tables)
    for table in tables:
        assert (runs / table.relative_to(undisturbed)).read_text() == table.read_text()
