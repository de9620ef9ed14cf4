"""Options and fixtures that tests of several folders share."""

import signal
import subprocess

import numpy as np
import pytest

# The fixtures of the command line, found here by pytest.
from command_line import dlheir, finished_run, main, pictures, small, start
from PIL import Image

__all__ = ["dlheir", "finished_run", "main", "pictures", "small", "start"]


# A shell's `&` makes everything below it deaf to Ctrl-C, which some tests send to processes.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption(
        "--soak-share", type=float, default=1.0, help="share of the soak tests' work to do"
    )
    parser.addoption("--soak-seed", type=int, default=0, help="draws the moments of the kills")


@pytest.fixture(scope="session")
def make_pictures(tmp_path_factory):
    """Write a class-per-folder collection of noise, each class around a colour of its own."""

    def make(sizes, side=40, seed=0):
        root = tmp_path_factory.mktemp("noise")
        random = np.random.default_rng(seed)
        for number, (class_name, count) in enumerate(sizes.items()):
            folder = root / class_name
            folder.mkdir(parents=True)
            colour = 255 * np.eye(3)[number % 3]
            for i in range(count):
                noise = random.integers(0, 256, (side, side, 3))
                levels = ((colour + 2 * noise) / 3).astype(np.uint8)
                Image.fromarray(levels).save(folder / f"{class_name}{i}.png")
        return root

    return make


@pytest.fixture
def disk(tmp_path):
    """Mount disks of some size, where this is allowed."""
    mounted = []

    def mount(options):
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        try:
            done = subprocess.run(command, capture_output=True, check=False).returncode == 0
        except OSError:
            done = False
        if not done:
            pytest.skip("needs the right to mount a small disk")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)
