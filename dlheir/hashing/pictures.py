"""Reading and hashing many pictures."""

import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dlheir.errors import InputError
from dlheir.hashing.hasher import Hasher
from dlheir.machine import usable_cores
from dlheir.models import PictureTransform
from dlheir.store.owner import Picture


class Hashed(NamedTuple):
    """Pictures with their codes.

    Attributes:
        pictures: N of those given, with their bytes in place of their files: what is sealed is
            then what was hashed, also where a file changes meanwhile.
        codes: (N, bits) uint8 in {0, 1}.
        unreadable: an error on each of the others; it names the picture.
    """

    pictures: list[Picture]
    codes: NDArray[np.uint8]
    unreadable: list[InputError]


def hash_pictures(hasher: Hasher, pictures: Sequence[Picture]) -> Hashed:
    """Read and hash pictures; their files are decoded while the network is at work.

    All their bytes are held in memory until the end: give many in parts.
    """
    readable: list[Picture] = []
    unreadable: list[InputError] = []
    codes = [np.empty((0, hasher.bits), dtype=np.uint8)]
    with ThreadPoolExecutor(usable_cores()) as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd metadata; the picture is fine
        loaded = pool.map(lambda picture: _load(picture, hasher.transform), pictures)
        for _ in range(0, len(pictures), hasher.batch_size):
            levels = []
            for found in islice(loaded, hasher.batch_size):
                if isinstance(found, InputError):
                    unreadable.append(found)
                else:
                    readable.append(found[0])
                    levels.append(found[1])
            if levels:
                codes.append(hasher.codes(torch.stack(levels)))
    return Hashed(readable, np.concatenate(codes), unreadable)


def _load(picture: Picture, transform: PictureTransform) -> tuple[Picture, Tensor] | InputError:
    try:
        content = picture.read()
    except InputError as error:
        return error
    try:
        levels = transform.load(content)
    except InputError as error:
        return InputError(f"{picture.source!s}: {error}")
    return Picture(picture.name, content), levels
