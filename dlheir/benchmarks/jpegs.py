"""Painted JPEG pictures in files, of the size of Corel's photographs."""

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from dlheir.data.scenes import PATTERNS, SHAPES, paint

WIDTH, HEIGHT = 384, 256
DIFFERENT = 32  # painting takes longer than most of what is measured


def write_jpegs(folder: Path, count: int) -> list[Path]:
    """Paint pictures; after 32 the same ones come again under other names.

    Args:
        folder: is made, and must not be there.
        count: pictures, of about 20 kB each.

    Returns:
        Their paths in the order of their names.
    """
    folder.mkdir()
    rng = np.random.default_rng(0)
    shapes, patterns = list(SHAPES), list(PATTERNS)
    paths: list[Path] = []
    for number in range(count):
        path = folder / f"{number:05}.jpg"
        if number < DIFFERENT:
            shape, pattern = shapes[number % len(shapes)], patterns[number % len(patterns)]
            Image.fromarray(paint(rng, shape, pattern, WIDTH)[:HEIGHT]).save(path, quality=90)
        else:
            shutil.copy(paths[number - DIFFERENT], path)
        paths.append(path)
    return paths
