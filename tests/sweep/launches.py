"""Launchers of cells, watched and killed from outside."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import PATIENCE, clean_environment
from marked_processes import marked, new_mark, wait_until, wait_until_gone

LAUNCHER = Path(__file__).with_name("launcher.py")
# They outlive a killed head by a minute, in which they try to tell it of their own end.
RAYS_AGENTS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")
OUR_FIT = "-m dlheir fit"


class Launch:
    """A launcher and all that it starts.

    Args:
        folder: Where it writes.
        cells: Command line by run folder.
        cpus, gpus: Of each run.
        address: Of a cluster.
        retries: Of a cell that fails.
        env: More variables.
    """

    def __init__(self, folder, cells, cpus=1, gpus=0, address=None, retries=0, env=None):
        self.mark = new_mark()
        self._out, self._err = folder / "out.txt", folder / "err.txt"
        specification = folder / "cells.json"
        specification.write_text(
            json.dumps(
                {
                    "cells": {str(path): list(map(str, line)) for path, line in cells.items()},
                    "resources": {"cpus": cpus, "gpus": gpus},
                    "address": address,
                    "retries": retries,
                }
            )
        )
        with self._out.open("w") as out, self._err.open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, str(LAUNCHER), str(specification)],
                env=clean_environment(folder) | self.mark | (env or {}),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=folder,
            )

    @property
    def err(self):
        return self._err.read_text()

    @property
    def events(self):
        """Cell's id, and null where it was started, what became of it where it ended."""
        return [json.loads(line) for line in self._out.read_text().splitlines()]

    def attempts(self, cell_id):
        """Exit codes of a cell's attempts."""
        return [a["exit_code"] for i, a in self.events if i == cell_id and a]

    def wait(self):
        return self.process.wait(PATIENCE)

    def find(self, words):
        """The first process that it started, however indirectly, whose command line has these."""
        found = [pid for pid, command in marked(self.mark).items() if words in command]
        return min(found, default=None)

    def kill(self, words, number):
        """Send a signal to such a process as soon as there is one."""
        wait_until(lambda: self.find(words), lambda: f"{words}: {self.err}")
        os.kill(self.find(words), number)

    def wait_until_it_trains(self, log, attempt=1):
        """Return when this attempt to make a run has come to its first epoch."""

        def begun():
            return log.is_file() and log.read_text().count("Run folder") == attempt

        wait_until(begun, lambda: self.err)


@pytest.fixture
def launch(tmp_path):
    """Start a launcher; what it leaves fails the test."""
    launches = []

    def launch(cells, **circumstances):
        launches.append(Launch(tmp_path, cells, **circumstances))
        return launches[-1]

    yield launch
    for started in launches:
        started.process.terminate()
        started.wait()
        wait_until_gone(started.mark, but=RAYS_AGENTS)
