"""A sweep with its cells: running them, and what is shown of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from dlheir.console import console, counter
from dlheir.errors import InputError, WorkError
from dlheir.locks import locked
from dlheir.report.main import write_report
from dlheir.sweep.attempt import attempt
from dlheir.sweep.attempts import Attempt
from dlheir.sweep.cells import Cell, plan_cells
from dlheir.sweep.cluster import run_cells
from dlheir.sweep.estimate import estimate
from dlheir.sweep.grid import Sweep
from dlheir.sweep.ledger import Standing, State, look, set_aside, write_plan
from dlheir.sweep.resources import Resources
from dlheir.sweep.slurm import write_slurm_script
from dlheir.sweep.table import cells_table, summary

PIPE_WIDTH = 140  # columns of a table that goes to a file or a pipe
NOTHING_LEFT = "nothing is left to run"
OPEN = (State.NEW, State.INTERRUPTED, State.FAILED, State.DAMAGED)


@dataclass(frozen=True)
class Planned:
    """A sweep and its cells.

    Attributes:
        path: The grid file.
        sweep: What the file says.
        cells: Its cells, at least one of which can be run.
    """

    path: Path
    sweep: Sweep
    cells: list[Cell]

    @property
    def experiment(self) -> Path:
        """Folder of the runs."""
        return next(cell.run.path.parent for cell in self.cells if cell.run)

    @property
    def rows(self) -> list[tuple[Cell, Standing]]:
        """The cells and how they stand now."""
        return _rows(self.cells)

    def run(
        self, resources: Resources, *, address: str | None, retries: int, rerun_stale: bool
    ) -> None:
        """Run what is open, and report.

        Args:
            resources: What a run is given.
            address: Of the Ray cluster to use; None for this machine alone.
            retries: How often a cell that fails is tried again.
            rerun_stale: Make cells of other versions of the code anew.

        Raises:
            InputError: The sweep is being run already.
            WorkError: A cell is neither done nor stale at the end.
        """
        write_plan(self.experiment, self.sweep, self.cells)
        with locked(self.experiment / "sweeps" / f".{self.sweep.name}.lock"):
            left = self._clear(self.cells, rerun_stale=rerun_stale)
            if left:
                self._run_cells(left, resources, address, retries)
        rows = self.rows
        self._show(rows)
        report = write_report([self.experiment], self.experiment / "report")
        console.print(f"Report: {report}", soft_wrap=True)
        self._warn_of_stale(rows)
        unfinished = [s for _, s in rows if s.state not in {State.DONE, State.STALE}]
        if unfinished:
            raise WorkError(f"sweep {self.sweep.name}: {summary(s for _, s in rows)}; see above")

    def run_one(self, cell_id: str, resources: Resources) -> None:
        """Run one cell here, with no cluster: a task of an array job.

        Raises:
            InputError: There is no such cell any more.
            WorkError: It failed.
        """
        cell = next((cell for cell in self.cells if cell.id == cell_id), None)
        if cell is None or cell.run is None:
            raise InputError(
                f"--cell {cell_id}: not in {self.sweep.name}, whose file or data have changed; "
                "write the script again by --slurm"
            )
        if not self._clear([cell], rerun_stale=False):
            console.print(f"{cell.id}: {NOTHING_LEFT}")
            return
        ended = attempt(cell.arguments, cell.run, resources)
        if ended.exit_code:
            raise WorkError(f"{cell.id}: {ended.reason}")

    def show_estimate(self, resources: Resources) -> None:
        """Print the cells, their states, and how long what is open will take."""
        rows = self.rows
        self._show(rows)
        self._warn_of_stale(rows)
        left = [cell for cell, standing in rows if standing.state in OPEN]
        if not left:
            Console().print(NOTHING_LEFT)
            return
        found = estimate(rows, left, resources.cpus, on_gpu=resources.gpus > 0)
        durations = f"about {_duration(found.seconds)} one after the other"
        at_once = min(resources.runs_on_this_machine(), len(left))
        if at_once > 1:
            durations += f", {_duration(found.seconds / at_once)} with {at_once} at once here"
        Console().print(
            f"{len(left)} cells to run: {durations} (from {found.basis})", soft_wrap=True
        )

    def write_slurm(self, resources: Resources, seed: int) -> None:
        """Write the array job's script.

        Args:
            resources: What a run is given.
            seed: What the cells of a random sweep were drawn by.
        """
        left = [cell for cell, standing in self.rows if standing.state in OPEN]
        if not left:
            Console().print(NOTHING_LEFT)
            return
        write_plan(self.experiment, self.sweep, self.cells)
        script = self.experiment / "sweeps" / f"{self.sweep.name}.sbatch"
        write_slurm_script(script, self.path, left, resources, seed)
        Console().print(f"{len(left)} tasks; hand them in by: sbatch {script}", soft_wrap=True)

    def _clear(self, cells: Sequence[Cell], *, rerun_stale: bool) -> list[Cell]:
        """Move what is damaged out of the way, and what is stale where asked; what is left."""
        left = []
        for cell, standing in _rows(cells):
            again = standing.state is State.STALE and rerun_stale
            if cell.run and (standing.state in OPEN or again):
                if again or standing.state is State.DAMAGED:
                    console.print(f"{cell.id} {standing.state}: now in {set_aside(cell.run)}")
                left.append(cell)
        return left

    def _run_cells(
        self, left: list[Cell], resources: Resources, address: str | None, retries: int
    ) -> None:
        with counter("Running cells", len(left)) as advance:

            def tell(cell: Cell, ended: Attempt | None) -> None:
                console.print(_told(cell, ended), soft_wrap=True)
                advance(ended is not None and ended.exit_code == 0)

            run_cells(left, resources, address=address, retries=retries, on_change=tell)

    def _show(self, rows: Sequence[tuple[Cell, Standing]]) -> None:
        terminal = Console()
        wide = terminal if terminal.is_terminal else Console(width=PIPE_WIDTH)
        wide.print(cells_table(self.sweep.name, self.sweep.varied, rows))

    def _warn_of_stale(self, rows: Sequence[tuple[Cell, Standing]]) -> None:
        stale = [standing for _, standing in rows if standing.state is State.STALE]
        if stale:
            console.print(
                f"{len(stale)} stale cells stay as they are ({stale[0].detail}); --rerun-stale "
                "makes them anew",
                soft_wrap=True,
            )


def plan(path: Path, sweep: Sweep) -> Planned:
    """Name the cells of a sweep.

    Args:
        path: The grid file.
        sweep: What it says.

    Raises:
        InputError: Not even one of them can be run.
    """
    cells = plan_cells(sweep)
    if all(cell.run is None for cell in cells):
        raise InputError(f"{path}: {cells[0].refused}")
    return Planned(path, sweep, cells)


def _rows(cells: Sequence[Cell]) -> list[tuple[Cell, Standing]]:
    return [
        (cell, look(cell.run) if cell.run else Standing(State.REFUSED, cell.refused or ""))
        for cell in cells
    ]


def _told(cell: Cell, ended: Attempt | None) -> str:
    if ended is None:
        return f"started  {cell.id}"
    if ended.exit_code == 0:
        return f"done     {cell.id}  {ended.seconds:.0f} s"
    return f"failed   {cell.id}  {ended.reason}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
