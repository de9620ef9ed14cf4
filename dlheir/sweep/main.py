"""`dlheir sweep`: its arguments, and the way to what was asked for."""

import argparse
from collections.abc import Sequence

from dlheir.console import console
from dlheir.errors import InputError
from dlheir.experiment_files import find_experiment
from dlheir.machine import usable_cores
from dlheir.one_line_parser import OneLineParser
from dlheir.sweep.grid import read_sweep
from dlheir.sweep.resources import Resources

DESCRIPTION = """\
Run a grid of `dlheir fit` and report on it, beside the paper's figures.

FILE is written in W&B's sweep grammar, so that `wandb sweep FILE` takes it too. Each
combination of its parameters is a cell, which is a run with a folder of its own. The same
command again skips what is done, goes on with what was interrupted, and tries again what
failed.
"""
EXAMPLES = """\
examples:
  dlheir sweep experiments/paper/table1_small.yaml              the paper's grid on any CPU
  dlheir sweep experiments/paper/table1_small.yaml --dry-run    cells, states, time it will take
  export COREL10K=PICTURES
  dlheir sweep experiments/paper/table1.yaml --gpus-per-run 0.5         two runs on each GPU
  dlheir sweep experiments/paper/table1.yaml --address HEAD:6379        on a Ray cluster
  dlheir sweep experiments/paper/table1.yaml --slurm                    an array job for sbatch
"""
# Small networks gain little from more threads.
MOST_CPUS_PER_RUN = 4


def main(argv: Sequence[str]) -> None:
    """Run `dlheir sweep`.

    Raises:
        InputError: An argument or the file is wrong.
        WorkError: A cell failed.
    """
    arguments = _parser().parse_args(argv)
    path = find_experiment(arguments.file)
    sweep = read_sweep(path, arguments.seed)
    resources = _resources(arguments)
    console.print(f"Planning {len(sweep.combinations)} cells")
    from dlheir.sweep.planned import plan  # imports torch

    planned = plan(path, sweep)
    if arguments.cell:
        planned.run_one(arguments.cell, resources)
    elif arguments.dry_run:
        planned.show_estimate(resources)
    elif arguments.slurm:
        planned.write_slurm(resources, arguments.seed)
    else:
        planned.run(
            resources,
            address=arguments.address,
            retries=arguments.retries,
            rerun_stale=arguments.rerun_stale,
        )


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="dlheir sweep",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", help="grid file")
    parser.add_argument("--dry-run", action="store_true", help="only show cells and time")
    parser.add_argument(
        "--cpus-per-run",
        type=int,
        metavar="N",
        help=f"cores, and threads, of a run; default: all, at most {MOST_CPUS_PER_RUN}, on a CPU, "
        "a GPU's share of them on a GPU",
    )
    parser.add_argument(
        "--gpus-per-run",
        type=float,
        metavar="N",
        help="0 runs on CPUs, 0.5 puts two runs on each GPU, 2 trains one run on two; default: 1 "
        "where this machine has GPUs",
    )
    parser.add_argument("--address", metavar="ADDR", help="of a Ray cluster to use, or auto")
    parser.add_argument(
        "--retries", type=int, default=1, metavar="N", help="of a cell that fails (default: 1)"
    )
    parser.add_argument(
        "--rerun-stale", action="store_true", help="make cells of other versions of the code anew"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="draws the cells of a random sweep"
    )
    parser.add_argument(
        "--slurm", action="store_true", help="write an array job instead, with a cell per task"
    )
    parser.add_argument("--cell", metavar="ID", help=argparse.SUPPRESS)  # of an array job's task
    return parser


def _resources(arguments: argparse.Namespace) -> Resources:
    """What a run gets, by what is asked for and by this machine.

    Raises:
        InputError: A number is not allowed.
    """
    devices = _gpus()
    gpus = min(devices, 1) if arguments.gpus_per_run is None else arguments.gpus_per_run
    if gpus < 0 or (gpus > 1 and gpus != int(gpus)):
        raise InputError(f"--gpus-per-run is {gpus:g}; give 0, a share of 1, or a whole number")
    cores = usable_cores()
    share = max(int(cores * gpus / devices), 1) if devices and gpus else MOST_CPUS_PER_RUN
    cpus = min(cores, share) if arguments.cpus_per_run is None else arguments.cpus_per_run
    if cpus < 1:
        raise InputError(f"--cpus-per-run is {cpus}; give 1 or more")
    if arguments.retries < 0:
        raise InputError(f"--retries is {arguments.retries}; it must not be negative")
    return Resources(cpus, gpus)


def _gpus() -> int:
    """How many GPUs this machine has; importing torch to ask takes seconds."""
    from torch import cuda

    return cuda.device_count()
