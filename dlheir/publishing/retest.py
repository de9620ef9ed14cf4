"""The published file, tested again: by `dlheir test` itself, in a process of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from dlheir.code_version import code_sha256
from dlheir.data import PictureFolder
from dlheir.errors import InputError, WorkError
from dlheir.naming import run_of
from dlheir.publishing.finished import FinishedRun
from dlheir.publishing.picture import ANSWERS, QUERIES
from dlheir.results import read_results
from dlheir.runs import RunFolder
from dlheir.settings import make_data, resolve, settings_parser

EXPERIMENT = "published"
STDERR = 2


@dataclass(frozen=True)
class Retest:
    """A test that is to come, or was finished by an earlier call.

    Attributes:
        run: The run that trained the file.
        weights: The file.
        config: The configuration that is published beside it.
        root: The folder of pictures; None where the data set needs none.
    """

    run: FinishedRun
    weights: Path
    config: Path
    root: Path | None

    @cached_property
    def data(self) -> PictureFolder:
        """The pictures, split as in training.

        Raises:
            InputError: They are missing, or others than those that the run knew.
        """
        data = make_data(self._settings)
        if data.split_sha256 != self.run.results["split"]["sha256"]:
            raise InputError(
                f"{data.collection.root}: other pictures, or another split of them, than the "
                f"run's ({self.run.folder.split}); give its pictures by --root"
            )
        return data

    @cached_property
    def folder(self) -> RunFolder:
        """Where the test's results are: beside the folder of the run's experiment."""
        return run_of(self._settings, self.data, self.weights)

    def results(self) -> dict[str, Any]:
        """Test the file, unless that is done, through the encrypted store.

        Raises:
            WorkError: The test failed; it has said why.
        """
        if self.folder.finished:
            self._forget_other_code()
        # Nobody else ends it when this process is killed.
        stays = ["-m", "dlheir.sweep.shim", str(os.getpid()), sys.executable]
        done = subprocess.run(
            [sys.executable, *stays, "-m", "dlheir", "test", *self._arguments],
            stdin=subprocess.DEVNULL,
            stdout=STDERR,  # what is published is said on stdout
            check=False,
        )
        if done.returncode:
            raise WorkError(f"{self.run.folder.path}: its test failed; see above")
        return read_results(self.folder.results)

    def _forget_other_code(self) -> None:
        """Have a test begun again that another version of this program has finished."""
        if read_results(self.folder.results)["code_sha256"] != code_sha256():
            self.folder.results.unlink()

    @property
    def _arguments(self) -> list[str]:
        arguments = [
            f"--config={self.config}",
            f"--ckpt_path={self.weights}",
            f"--runs={self.run.folder.path.parent.parent}",
            f"--experiment={EXPERIMENT}",
            "--wandb.mode=disabled",
            "--retrieval.keep_store=false",
            f"--retrieval.queries_shown={QUERIES}",
            f"--retrieval.answers_shown={ANSWERS}",
        ]
        if self.root is not None:
            arguments.append(f"--data.root={self.root}")
        if self.run.split_given:
            arguments.append(f"--data.split={self.run.folder.split}")
        return arguments

    @cached_property
    def _settings(self) -> dict[str, Any]:
        parser = settings_parser("test")
        return resolve(parser, parser.parse_args(self._arguments))
