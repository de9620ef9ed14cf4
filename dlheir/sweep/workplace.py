"""Where a run is made: in the launcher's folder, or on a machine that does not see it."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from dlheir.runs import RunFolder
from dlheir.sweep.attempt import attempt
from dlheir.sweep.attempts import Attempt, add_attempt
from dlheir.sweep.luggage import pack, unpack
from dlheir.sweep.resources import Resources


@dataclass(frozen=True)
class Outcome:
    """What comes back from a worker.

    Attributes:
        attempt: What became of the run's process.
        away: Whether it was made where the launcher's folders are not seen.
        folder: The run's folder from there, packed; null where it was not begun.
        log: What the process printed there.
    """

    attempt: Attempt
    away: bool = False
    folder: bytes | None = None
    log: bytes = b""


@dataclass(frozen=True)
class Workplace:
    """The launcher's folders, as a worker on any machine looks for them.

    Attributes:
        cwd: The launcher's working folder, which relative paths in arguments start from.
        experiment: Folder of the sweep's runs, absolute.
        token: A file in it that stands nowhere else; null where all workers are on one machine.
    """

    cwd: Path
    experiment: Path
    token: Path | None

    def run(self, run_id: str) -> RunFolder:
        """A run's folder, where the launcher sees it."""
        return RunFolder(self.experiment / run_id)

    def make(
        self,
        arguments: Sequence[str],
        run_id: str,
        resources: Resources,
        luggage: Sequence[Any],
    ) -> Outcome:
        """Make a run on the machine that this is called on: a Ray worker's task.

        Its main thread supervises the run's process, whose life hangs on that thread.

        Args:
            arguments: Of the command line, from `fit` on.
            run_id: The run's.
            resources: What it is given.
            luggage: Ray's reference to the run's folder, packed, which is brought to machines
                alone that do not see it; none where all do.
        """
        at_home = self.cwd.is_dir()
        if at_home:
            os.chdir(self.cwd)
        if self.token is None or self.token.is_file():
            # Without the working folder, a relative `--runs` would lead somewhere else.
            runs = [] if at_home else [f"--runs={self.experiment.parent}"]
            return Outcome(attempt([*arguments, *runs], self.run(run_id), resources))
        with TemporaryDirectory(prefix="dlheir-") as runs_here:
            run = RunFolder(Path(runs_here, self.experiment.name, run_id))
            run.path.parent.mkdir()
            unpack(_brought(luggage), run)
            ended = attempt([*arguments, f"--runs={runs_here}"], run, resources)
            return Outcome(ended, away=True, folder=pack(run), log=run.log.read_bytes())

    def take_in(self, run_id: str, outcome: Outcome) -> None:
        """Put what came back from a machine elsewhere in its place; the launcher's part."""
        if not outcome.away:
            return
        run = self.run(run_id)
        unpack(outcome.folder, run)
        run.log.parent.mkdir(exist_ok=True)
        with run.log.open("ab") as log:
            log.write(outcome.log)
        add_attempt(run, outcome.attempt)


def _brought(luggage: Sequence[Any]) -> bytes | None:
    import ray

    packed: bytes | None = ray.get(luggage[0])
    return packed


@contextmanager
def workplace(experiment: Path, *, one_machine: bool) -> Iterator[Workplace]:
    """Say where runs belong, while the block runs.

    Args:
        experiment: Folder of the sweep's runs, which is made.
        one_machine: All workers are on this machine.
    """
    experiment = experiment.absolute()
    experiment.mkdir(parents=True, exist_ok=True)
    if one_machine:
        yield Workplace(Path.cwd(), experiment, None)
        return
    token = experiment / f".launcher-{uuid4().hex}"
    token.touch()
    try:
        yield Workplace(Path.cwd(), experiment, token)
    finally:
        token.unlink(missing_ok=True)
