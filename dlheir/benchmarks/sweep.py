"""What a sweep costs beside its runs, and what running several at once brings.

Each core of a CPU stands for a device: a run has one core.
"""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from dlheir.benchmarks.figure import Figure
from dlheir.console import console
from dlheir.experiment_files import find_experiment
from dlheir.machine import usable_cores
from dlheir.results import read_results
from dlheir.sweep.attempts import Attempt
from dlheir.sweep.cells import Cell, plan_cells
from dlheir.sweep.cluster import run_cells
from dlheir.sweep.grid import read_sweep
from dlheir.sweep.resources import Resources

EPOCHS = 4
ONE_CORE = Resources(cpus=1)


def measure(quick: bool) -> list[Figure]:
    """Run the quickstart, cut short, once alone and then once on every core at once.

    Args:
        quick: With one epoch instead of four.
    """
    cores = usable_cores()
    with TemporaryDirectory() as folder:
        alone, *others = _cells(Path(folder), 1 + cores, epochs=1 if quick else EPOCHS)
        console.print("Running one cell")
        one = _Stopwatch([alone])
        console.print(f"Running {cores} cells at once")
        many = _Stopwatch(others)
        return [
            Figure("connecting to Ray, once a sweep", one.before, "s"),
            Figure("Ray's part of a cell", one.overhead, "s"),
            Figure("a run's start and end: imports, reading pictures", one.around(alone), "s"),
            Figure("a run, from its process' start to its end", one.of_runs, "s"),
            Figure(
                f"{cores} runs one after the other / at once",
                cores * one.cells / many.cells,
                "times",
            ),
        ]


class _Stopwatch:
    """Runs cells and keeps what each part of it took, in seconds.

    Attributes:
        before: Until the first cell was started.
        cells: From then until the last one ended.
        of_runs: The runs' own processes, their mean.
        overhead: Between asking for a cell and hearing of its end, less its own process; mean.
    """

    def __init__(self, cells: list[Cell]) -> None:
        self._started: dict[str, float] = {}
        self._overheads: list[float] = []
        self._own: list[float] = []
        began = time.perf_counter()
        run_cells(cells, ONE_CORE, address=None, retries=0, on_change=self._note)
        first = min(self._started.values())
        self.before = first - began
        self.cells = self._last - first
        self.of_runs = sum(self._own) / len(self._own)
        self.overhead = sum(self._overheads) / len(self._overheads)

    def around(self, cell: Cell) -> float:
        """Seconds of a run's process in which it neither trained nor played the store through."""
        assert cell.run is not None
        timing: dict[str, float] = read_results(cell.run.results)["timing"]
        return self.of_runs - sum(timing.values())

    def _note(self, cell: Cell, ended: Attempt | None) -> None:
        now = time.perf_counter()
        if ended is None:
            self._started[cell.id] = now
        else:
            self._last = now
            self._own.append(ended.seconds)
            self._overheads.append(now - self._started[cell.id] - ended.seconds)


def _cells(folder: Path, count: int, epochs: int) -> list[Cell]:
    """The quickstart with so many seeds."""
    command = [
        "dlheir",
        "fit",
        f"--config={find_experiment('experiments/quickstart.yaml')}",
        f"--runs={folder / 'runs'}",
        f"--data.root={folder / 'pictures'}",
        f"--trainer.max_epochs={epochs}",
        "--trainer.accelerator=cpu",
        "--retrieval.keep_store=false",
        "--wandb.mode=disabled",
        "${args}",
    ]
    parameters = {"seed_everything": {"values": list(range(count))}}
    path = folder / "benchmark.yaml"
    path.write_text(
        yaml.safe_dump({"method": "grid", "command": command, "parameters": parameters})
    )
    return plan_cells(read_sweep(path))
