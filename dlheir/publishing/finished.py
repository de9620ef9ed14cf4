"""The run that is to be published: finished, and with the checkpoint that its results are of."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dlheir.errors import InputError
from dlheir.files import sha256_of_file
from dlheir.results import read_results
from dlheir.runs import RunFolder


@dataclass(frozen=True)
class FinishedRun:
    """What a run's folder says.

    Attributes:
        folder: The folder.
        config: Its resolved configuration.
        results: What it found.
    """

    folder: RunFolder
    config: dict[str, Any]
    results: dict[str, Any]

    @property
    def checkpoint(self) -> Path:
        """The state that was tested."""
        return self.folder.path / str(self.results["tested_checkpoint"]["path"])

    @property
    def split_given(self) -> bool:
        """Whether the split was read from a file, and not drawn by the seed."""
        return self.config["data"]["init_args"].get("split") is not None


def read_finished(path: Path) -> FinishedRun:
    """Read a run's folder.

    Raises:
        InputError: It is no run, has not finished, or its checkpoint is not what was tested.
    """
    folder = RunFolder(path.resolve())
    if not folder.begun:
        raise InputError(f"{path}: no run of dlheir; give a folder runs/EXPERIMENT/RUN_ID")
    config = yaml.safe_load(folder.config.read_text(encoding="utf-8"))
    run = FinishedRun(folder, config, read_results(folder.results))
    if not run.checkpoint.is_file():
        raise InputError(
            f"{run.checkpoint}: the tested checkpoint is missing; bring it back, or publish the "
            "run that trained it"
        )
    if sha256_of_file(run.checkpoint) != run.results["tested_checkpoint"]["sha256"]:
        raise InputError(
            f"{run.checkpoint}: not the file that {folder.results.name} is of; bring that back, "
            "or train the run again"
        )
    return run
