"""The command line in processes of its own: what the tests of whole runs share."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

# Pictures of each class: odd numbers in the database (23) and among the queries (7).
CLASS_SIZES = {"bird_plain": 8, "fish_banded": 9, "leaf_spotted": 13}
# In the folder of a finished run without a validation part, sorted.
FILES = [
    "checkpoints/last.ckpt",
    "codes.npz",
    "config.yaml",
    "metrics.csv",
    "results.json",
    "retrieval.png",
    "split.json",
    "store.sqlite",
]
PATIENCE = 300  # seconds; a hanging process fails its test


@dataclass(frozen=True)
class Finished:
    """A process that has ended."""

    code: int
    out: str
    err: str

    @property
    def complaints(self) -> list[str]:
        return [line for line in self.err.splitlines() if line.startswith("dlheir: ")]


class Running:
    """`python -m dlheir ...` in a clean environment: no login, no network, no terminal.

    Args:
        home: Where it may leave caches.
        arguments: Of the command line.
        env: More variables.
        cwd: Its working folder.
    """

    def __init__(
        self,
        home: Path,
        arguments: tuple,
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self._out, self._err = home / "out.txt", home / "err.txt"
        with self._out.open("w") as out, self._err.open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "dlheir", *map(str, arguments)],
                env=clean_environment(home) | (env or {}),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=cwd,
            )

    @property
    def said(self) -> str:
        """On stderr, so far."""
        return self._err.read_text()

    def wait(self) -> Finished:
        try:
            code = self.process.wait(PATIENCE)
        finally:
            self.process.kill()
        return Finished(code, self._out.read_text(), self._err.read_text())

    def stop(self, number: int) -> Finished:
        self.process.send_signal(number)
        return self.wait()

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Return as soon as the condition holds; fail if the process ends before."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert self.process.poll() is None, self._err.read_text()
            assert time.monotonic() < deadline, self._err.read_text()
            time.sleep(0.001)


def clean_environment(home: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "OMP_NUM_THREADS": "1",
        "https_proxy": "http://127.0.0.1:9",  # nobody listens there
        "http_proxy": "http://127.0.0.1:9",
    }


@pytest.fixture(scope="session")
def start(tmp_path_factory):
    """Start a command and return it as it runs."""
    started = []

    def start(*arguments, **circumstances) -> Running:
        started.append(Running(tmp_path_factory.mktemp("home"), arguments, **circumstances))
        return started[-1]

    yield start
    for running in started:
        running.process.kill()


@pytest.fixture(scope="session")
def dlheir(start):
    """Run a command to its end."""

    def dlheir(*arguments, **circumstances) -> Finished:
        return start(*arguments, **circumstances).wait()

    return dlheir


@pytest.fixture
def main(capsys):
    """Run a command in this process, which is faster where a process of its own adds nothing."""
    import torch

    from dlheir.cli import main as run_command

    handler, threads = signal.getsignal(signal.SIGTERM), torch.get_num_threads()
    torch.set_num_threads(1)  # as in `clean_environment`: sums by other threads round otherwise

    def main(*arguments) -> Finished:
        capsys.readouterr()
        code = run_command([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Finished(code, captured.out, captured.err)

    yield main
    signal.signal(signal.SIGTERM, handler)
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """A folder of 30 pictures in 3 classes."""
    from dlheir.data.gallery import CLASSES, render

    root = tmp_path_factory.mktemp("pictures")
    for number_of_class, (name, size) in enumerate(CLASS_SIZES.items()):
        label = number_of_class * len(CLASSES) // len(CLASS_SIZES)
        (root / name).mkdir()
        for number in range(size):
            Image.fromarray(render(0, label, number, 32)).save(root / name / f"{number}.png")
    return root


@pytest.fixture(scope="session")
def small(pictures):
    """Arguments of a run that takes about a second of work."""

    def small(runs, command="fit", **more) -> list[str]:
        settings = {
            "runs": runs,
            "data": "PictureFolder",
            "data.root": pictures,
            "data.image_size": 32,
            "data.batch_size": 8,
            "data.workers": 0,
            "wandb.mode": "disabled",
            "trainer.accelerator": "cpu",
            "trainer.max_epochs": 2,
        } | {name.replace("__", "."): value for name, value in more.items()}
        return [command, *(f"--{name}={value}" for name, value in settings.items())]

    return small


@pytest.fixture(scope="session")
def finished_run(dlheir, small, tmp_path_factory):
    """A finished run: its command, its folder and what it printed. Do not write into it."""
    runs = tmp_path_factory.mktemp("runs")
    command = small(runs)
    finished = dlheir(*command)
    assert finished.code == 0, finished.err
    return SimpleNamespace(command=command, folder=the_run(runs), finished=finished)


def the_run(runs: Path) -> Path:
    """The one run below a folder of runs."""
    (config,) = runs.glob("*/*/config.yaml")
    return config.parent


def snapshot(folder: Path) -> dict[str, tuple[int, str]]:
    """Time of every file and folder below a folder, and hash of every file."""
    return {
        path.relative_to(folder).as_posix(): (
            path.stat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in sorted(folder.rglob("*"))
    }


def read_codes(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / "codes.npz") as codes:
        return dict(codes)
