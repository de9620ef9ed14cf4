"""A sweep as an array job of SLURM, one cell a task, for clusters without Ray."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from dlheir.errors import InputError
from dlheir.files import written_whole
from dlheir.sweep.cells import Cell
from dlheir.sweep.resources import Resources

SCRIPT = """\
#!/bin/bash
# A sweep's cells as an array job, one a task. Hand it in by:  sbatch {name}
# A time limit, a partition and the like can be given there, too. Afterwards,
# `dlheir sweep --slurm` writes this file again with the cells that are left.
#SBATCH --job-name={job}
#SBATCH --array=0-{last}
#SBATCH --ntasks=1
#SBATCH --cpus-per-task={cpus}
{gpus}#SBATCH --chdir={cwd}
#SBATCH --output={output}
cells=(
{cells}
)
exec {command} --cell "${{cells[$SLURM_ARRAY_TASK_ID]}}"
"""


def write_slurm_script(
    path: Path, sweep_file: Path, cells: Sequence[Cell], resources: Resources, seed: int
) -> None:
    """Write a script for `sbatch`.

    Args:
        path: The script to write; its folder exists.
        sweep_file: The grid file.
        cells: At least one, none of them refused: the tasks, in this order.
        resources: What each is given.
        seed: What the cells of a random sweep are drawn by.

    Raises:
        InputError: Runs are to share a GPU, which SLURM gives whole.
    """
    if resources.gpus != int(resources.gpus):
        raise InputError(f"--gpus-per-run {resources.gpus:g}: SLURM gives whole GPUs; give 1")
    gpus = f"#SBATCH --gres=gpu:{int(resources.gpus)}\n" if resources.gpus else ""
    command = [
        *(sys.executable, "-m", "dlheir", "sweep", str(sweep_file.absolute())),
        *("--seed", str(seed)),
        *("--cpus-per-run", str(resources.cpus)),
        *("--gpus-per-run", str(int(resources.gpus))),
    ]
    text = SCRIPT.format(
        name=shlex.quote(str(path)),
        job=shlex.quote(path.stem),
        last=len(cells) - 1,
        cpus=resources.cpus,
        gpus=gpus,
        cwd=shlex.quote(str(Path.cwd())),
        output=shlex.quote(str(path.absolute().with_suffix(".%a.out"))),
        cells="\n".join(f"  {cell.id}" for cell in cells),
        command=shlex.join(command),
    )
    with written_whole(path) as part:
        part.write_text(text, encoding="utf-8")
