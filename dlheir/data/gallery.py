"""The generated data set: the embedded default, painted on the spot from a seed.

A class is a shape in a pattern, such as `fish_banded`. Colours, ground, pose, light, companions,
occlusion and noise vary within a class and tell nothing about it. Some classes differ in fine
detail alone, which small pictures hardly show.
"""

import os
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dlheir.console import progress
from dlheir.data import scenes
from dlheir.data.drafts import whole_folder
from dlheir.errors import InputError
from dlheir.machine import usable_cores

_KINDS = sorted((shape, pattern) for shape in scenes.SHAPES for pattern in scenes.PATTERNS)

# A label is an index into these names, which are sorted.
CLASSES: tuple[str, ...] = tuple(f"{shape}_{pattern}" for shape, pattern in _KINDS)

# 40 for the database and 10 to query with, where the database is 80 % of each class.
PICTURES_PER_CLASS = 50


def render(seed: int, label: int, number: int, size: int) -> NDArray[np.uint8]:
    """Render one picture, which is a function of the arguments alone.

    Args:
        seed: Seed of the collection, >= 0.
        label: Index into `CLASSES`.
        number: Number of the picture within its class, >= 0.
        size: Width and height in pixels; the scene is the same at every size.

    Returns:
        RGB values, (size, size, 3).
    """
    shape, pattern = _KINDS[label]
    return scenes.paint(np.random.default_rng((seed, label, number)), shape, pattern, size)


def write_pictures(
    folder: Path, *, seed: int = 0, pictures_per_class: int = PICTURES_PER_CLASS, size: int = 64
) -> None:
    """Write the collection as `folder/<class>/<number>.png`, on all cores.

    The folder appears under its name when it is whole, not before: a killed process leaves at
    most a hidden draft beside it. A whole folder stays as it is.

    Args:
        folder: Where the folders of the classes go.
        seed: Seed of the collection, >= 0.
        pictures_per_class: Number of pictures of each class.
        size: Width and height in pixels.

    Raises:
        InputError: The folder holds something else.
    """
    if _is_whole(folder, seed, pictures_per_class, size):
        return
    with whole_folder(folder, lambda: _is_whole(folder, seed, pictures_per_class, size)) as draft:
        _write_classes(draft, seed, pictures_per_class, size)


def _is_whole(folder: Path, seed: int, pictures_per_class: int, size: int) -> bool:
    """Tell a finished collection from a folder that is absent or empty; refuse any other."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    expected = {f"{name}/{n:04d}.png" for name in CLASSES for n in range(pictures_per_class)}
    found = {path.relative_to(folder).as_posix() for path in folder.glob("*/*.png")}
    if found != expected or not _shows(folder / min(expected), render(seed, 0, 0, size)):
        raise InputError(
            f"{folder}: holds something else than the {len(expected)} pictures generated for seed "
            f"{seed} and size {size}; remove it or name another folder"
        )
    return True


def _shows(file: Path, picture: NDArray[np.uint8]) -> bool:
    """Compare, but for the rounding that may differ between processors."""
    with Image.open(file) as image:
        found = np.asarray(image)
    return found.shape == picture.shape and np.allclose(found, picture, atol=2)


def _write_classes(folder: Path, seed: int, pictures_per_class: int, size: int) -> None:
    # Painting many small arrays holds the interpreter's lock, so threads would gain nothing.
    # Forked processes start at once and need no guarded __main__; painting uses no library whose
    # threads a fork would break.
    context = get_context("fork" if sys.platform == "linux" else "spawn")
    write = partial(_write_class, folder, seed, pictures_per_class, size)
    with ProcessPoolExecutor(usable_cores(), context, initializer=_end_with_parent) as pool:
        done = pool.map(write, range(len(CLASSES)))
        for _ in progress(done, "Painting pictures", total=len(CLASSES)):
            pass


def _write_class(folder: Path, seed: int, pictures_per_class: int, size: int, label: int) -> None:
    target = folder / CLASSES[label]
    target.mkdir(parents=True)
    for number in range(pictures_per_class):
        Image.fromarray(render(seed, label, number, size)).save(target / f"{number:04d}.png")


def _end_with_parent() -> None:
    """End this worker when its parent is gone, killed say: a pool's worker would wait for ever."""
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_exit_after, args=(parent.sentinel,), daemon=True).start()


def _exit_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
