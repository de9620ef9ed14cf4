"""Pictures of files as arrays, and a function over many of them on all cores."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from dlheir.console import progress
from dlheir.decoding import decoded
from dlheir.errors import InputError
from dlheir.machine import usable_cores

T = TypeVar("T")


def rgb(picture: Path) -> NDArray[np.uint8]:
    """Return the upright RGB levels (H, W, 3) of a picture, as networks see them.

    Raises:
        InputError: It cannot be read; the message names the file.
    """
    return np.asarray(decoded(picture))


def map_pictures(
    function: Callable[[NDArray[np.uint8]], T], pictures: Sequence[Path], description: str
) -> list[T]:
    """Call a function on the levels of each picture, in threads, with a progress bar.

    numpy, Pillow and OpenCV let other threads run while they compute.

    Args:
        function: Takes (H, W, 3) uint8; several run at once.
        pictures: Files of pictures.
        description: What the bar calls it: a verb and its object.

    Returns:
        What the function returned, in the order of the pictures.

    Raises:
        InputError: A picture cannot be read; the message names it.
    """

    def read_and_call(picture: Path) -> T:
        return function(rgb(picture))

    if len(pictures) == 1:  # a user's query: threads and a bar would take longer than the work
        return [read_and_call(pictures[0])]
    with ThreadPoolExecutor(usable_cores()) as pool:
        results = pool.map(read_and_call, pictures)
        return list(progress(results, description, total=len(pictures)))


def per_picture(
    function: Callable[[NDArray[np.uint8]], NDArray[Any]],
    pictures: Sequence[Path],
    description: str,
) -> NDArray[Any]:
    """Stack what `function` makes of each picture: (N, ...); see `map_pictures`.

    Raises:
        InputError: A picture cannot be read, or there is none: its shape would not be known.
    """
    if not pictures:
        raise InputError("no picture to extract features from; give at least one")
    return np.stack(map_pictures(function, pictures, description))
