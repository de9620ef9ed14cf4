"""Runs cells on a Ray cluster, as many at once as it has room for.

Ray's core, not Ray Tune: a cell is a process with a folder, a checkpoint and a name of its own, and
what became of it is read from there. Tune's trials and experiment state would be a second ledger
beside it, its searchers have nothing to do in a grid, and it brings pandas and pyarrow.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dlheir.errors import InputError
from dlheir.sweep.attempts import Attempt, add_attempt
from dlheir.sweep.cells import Cell
from dlheir.sweep.connection import Cluster, connected
from dlheir.sweep.luggage import pack
from dlheir.sweep.resources import Resources
from dlheir.sweep.workplace import Outcome, Workplace, workplace

OnChange = Callable[[Cell, Attempt | None], None]
FAILED = 1
# Wrong input, which another attempt would not change.
WRONG_INPUT = 2
# Of a run whose supervisor was killed: they die together.
KILLED = -9
# Seconds between two looks at the cluster.
POLL = 1.0


def run_cells(
    cells: Sequence[Cell],
    resources: Resources,
    *,
    address: str | None,
    retries: int,
    on_change: OnChange,
) -> None:
    """Run cells, each as a process of its own, and those that fail again.

    Args:
        cells: At least one, none of them refused, in the order to begin with.
        resources: What each is given.
        address: Of the Ray cluster to use; see `connected`.
        retries: How often a cell is tried again. Wrong input is not, as it would be wrong again.
        on_change: Called with a cell and None when it is started, and again with what became of it,
            which is among the run's attempts by then.

    Raises:
        InputError: There is no such cluster, or none of its machines has room for a run.
        WorkError: The cluster ended.
    """
    with connected(address) as cluster, _workplace(cells, address) as place:
        crew = _Crew(cluster, resources, place)
        waiting, tries = deque(cells), Counter[str]()
        while waiting or crew.at_work:
            while waiting and crew.has_room():
                cell = waiting.popleft()
                tries[cell.id] += 1
                crew.start(cell)
                on_change(cell, None)
            for cell, ended in crew.wait():
                on_change(cell, ended)
                if ended.exit_code not in {0, WRONG_INPUT} and tries[cell.id] <= retries:
                    waiting.append(cell)


@dataclass(frozen=True)
class _Task:
    """A run that a worker makes."""

    cell: Cell
    began: datetime
    start: float

    def died(self, exit_code: int, reason: str) -> Attempt:
        """The attempt whose supervisor could not report it."""
        return Attempt(
            began=self.began.isoformat(timespec="seconds"),
            seconds=round(time.monotonic() - self.start, 3),
            exit_code=exit_code,
            host="unknown",
            last_lines=(reason,),
        )


class _Crew:
    """The workers that are at work."""

    def __init__(self, cluster: Cluster, resources: Resources, place: Workplace) -> None:
        self._cluster = cluster
        self._resources = resources
        self._place = place
        self._tasks: dict[Any, _Task] = {}

    @property
    def at_work(self) -> int:
        return len(self._tasks)

    def has_room(self) -> bool:
        """Whether another run can be started.

        Raises:
            InputError: Not even one can.
        """
        room = self._cluster.room(self._resources)
        if not room and not self._tasks:
            wanted = f"--cpus-per-run {self._resources.cpus}"
            if self._resources.gpus:
                wanted += f" --gpus-per-run {self._resources.gpus:g}"
            raise InputError(f"{wanted}: no machine of the cluster has so many; ask for fewer")
        return len(self._tasks) < room

    def start(self, cell: Cell) -> None:
        """Have a cell run."""
        import ray

        task = ray.remote(Workplace.make).options(
            num_cpus=self._resources.cpus,
            num_gpus=self._resources.gpus,
            max_retries=0,
            name=cell.id,
        )
        away = self._place.token is not None
        # In a list, as Ray would bring an argument of its own to every machine.
        luggage = [ray.put(pack(self._place.run(cell.id)))] if away else []
        ref = task.remote(self._place, cell.arguments, cell.id, self._resources, luggage)
        self._tasks[ref] = _Task(cell, datetime.now(UTC), time.monotonic())

    def wait(self) -> list[tuple[Cell, Attempt]]:
        """Wait a while for runs to end; what became of those that did.

        Raises:
            WorkError: The cluster ended.
        """
        import ray

        ended, _ = ray.wait(list(self._tasks), timeout=POLL)
        self._cluster.check()
        tasks = [(self._tasks.pop(ref), ref) for ref in ended]
        return [(task.cell, self._end(task, ref)) for task, ref in tasks]

    def _end(self, task: _Task, ref: Any) -> Attempt:
        import ray
        from ray.exceptions import RayError, RayTaskError

        run = self._place.run(task.cell.id)
        try:
            outcome: Outcome = ray.get(ref)
        except RayTaskError as error:  # the supervisor's own, such as a full disk
            ended = task.died(FAILED, f"{type(error.cause).__name__}: {error.cause}")
            add_attempt(run, ended)
        except RayError as error:
            reason = f"the run's Ray worker or its machine died ({type(error).__name__})"
            ended = task.died(KILLED, reason)
            add_attempt(run, ended)
        else:
            self._place.take_in(task.cell.id, outcome)
            ended = outcome.attempt
        return ended


def _workplace(cells: Sequence[Cell], address: str | None) -> Any:
    run = cells[0].run
    assert run is not None
    return workplace(run.path.parent, one_machine=address is None)
