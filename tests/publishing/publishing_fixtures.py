"""Finished runs, and what becomes of them when they are published."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from command_line import the_run

from dlheir.checkpoints import Registry, read_registry

# What a run on pictures of a user's own, and one on painted pictures, are published as.
OWN, PAINTED = "dlheir_nano.picturefolder_48b_32px", "dlheir_nano.generated_12b_32px"


@dataclass(frozen=True)
class Published:
    """Two published runs.

    Attributes:
        folder: The registry's.
        runs: The runs, by the names of their checkpoints.
        said: What the command printed, by the same.
    """

    folder: Path
    runs: dict[str, Path]
    said: dict[str, str]

    @property
    def registry(self) -> Registry:
        return read_registry(self.folder / "registry.json")

    def copy(self, folder: Path) -> "Published":
        """The same in a folder to write into."""
        shutil.copytree(self.folder, folder)
        return Published(folder, self.runs, self.said)


@pytest.fixture(scope="session")
def own_run(finished_run, tmp_path_factory):
    """A run on pictures of a user's own, to publish from."""
    folder = tmp_path_factory.mktemp("own") / "quickstart" / finished_run.folder.name
    shutil.copytree(finished_run.folder, folder)
    return folder


@pytest.fixture(scope="session")
def painted_run(dlheir, small, tmp_path_factory):
    """A run of another code length on pictures that anybody may see, in another precision."""
    runs = tmp_path_factory.mktemp("painted")
    command = small(runs, data__pictures_per_class=3, model__bits=12, trainer__max_epochs=1)
    command = [a for a in command if not a.startswith(("--data=", "--data.root="))]
    more = ("--data=Generated", "--trainer.precision=bf16-mixed", "--retrieval.ks=[4,8]")
    finished = dlheir(*command, *more)
    assert finished.code == 0, finished.err
    return the_run(runs)


@pytest.fixture(scope="session")
def published(dlheir, own_run, painted_run, tmp_path_factory):
    """Both of them. Do not write into it."""
    folder = tmp_path_factory.mktemp("published")
    runs = {OWN: own_run, PAINTED: painted_run}
    said = {}
    for name, run in runs.items():
        finished = dlheir("checkpoints", "publish", run, "--to", folder)
        assert finished.code == 0, finished.err
        said[name] = finished.out
    return Published(folder, runs, said)
