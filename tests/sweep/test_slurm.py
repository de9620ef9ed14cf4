"""The array job's script, run by bash in place of SLURM."""

import re
import subprocess
import sys

import pytest

from dlheir.errors import InputError
from dlheir.runs import RunFolder
from dlheir.sweep.cells import Cell
from dlheir.sweep.resources import Resources
from dlheir.sweep.slurm import write_slurm_script


@pytest.fixture
def cells(tmp_path):
    return [Cell(n, {}, ("fit",), run=RunFolder(tmp_path / f"run-{n}")) for n in range(3)]


@pytest.fixture
def python(tmp_path, monkeypatch):
    """In Python's place: prints its arguments, one a line."""
    stub = tmp_path / "the python"
    stub.write_text('#!/bin/bash\nprintf "%s\\n" "$@"\n')
    stub.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(stub))


def asked_for(script):
    """What the script asks of SLURM."""
    return dict(re.findall(r"^#SBATCH --([a-z-]+)=(.*)$", script.read_text(), re.MULTILINE))


def test_each_task_runs_a_cell_of_its_own(cells, python, tmp_path):
    script, grid = tmp_path / "table.sbatch", tmp_path / "my grid.yaml"
    write_slurm_script(script, grid, cells, Resources(cpus=2, gpus=1), 3)
    assert asked_for(script)["array"] == "0-2"
    for number in range(3):
        task = subprocess.run(
            ["bash", str(script)],
            env={"SLURM_ARRAY_TASK_ID": str(number)},
            capture_output=True,
            text=True,
            check=True,
        )
        given = ["-m", "dlheir", "sweep", str(grid), "--seed", "3"]
        given += ["--cpus-per-run", "2", "--gpus-per-run", "1", "--cell", f"run-{number}"]
        assert task.stdout.splitlines() == given


@pytest.mark.parametrize(("gpus", "asked"), [(0, None), (2, "gpu:2")])
def test_a_task_asks_for_what_its_run_is_given(cells, tmp_path, gpus, asked):
    script = tmp_path / "table.sbatch"
    write_slurm_script(script, tmp_path / "grid.yaml", cells, Resources(cpus=4, gpus=gpus), 0)
    assert asked_for(script)["cpus-per-task"] == "4"
    assert asked_for(script).get("gres") == asked


def test_slurm_shares_no_gpu(cells, tmp_path):
    with pytest.raises(InputError, match=r"--gpus-per-run 0\.5"):
        write_slurm_script(tmp_path / "s", tmp_path / "g", cells, Resources(gpus=0.5), 0)
    assert not (tmp_path / "s").exists()
