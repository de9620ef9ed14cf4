"""Features of a growing collection, extracted and timed once and kept."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dlheir.baselines import Features, System
from dlheir.comparison.timing import timed
from dlheir.console import console
from dlheir.errors import InputError
from dlheir.files import written_whole

PART = 500  # pictures that are extracted, timed and written together; a kill costs at most these


class Extracted(NamedTuple):
    """Features of the first pictures of a collection.

    Attributes:
        features: (N, ...).
        pictures: How many had been extracted after each part, from 0.
        seconds: How long it had taken by then, from 0.
    """

    features: Features
    pictures: NDArray[np.int64]
    seconds: NDArray[np.float64]

    def seconds_of(self, pictures: int) -> float:
        """How long the first pictures took; within a part, their share of it."""
        return float(np.interp(pictures, self.pictures, self.seconds))


def extract(
    system: System[Any], pictures: Sequence[Path], sizes: Sequence[int], folder: Path
) -> Extracted:
    """Extract features of all pictures, going on from the parts that lie in a folder.

    Args:
        system: Prepared.
        pictures: The largest collection.
        sizes: Of the collections that are asked for: a part ends at each of them.
        folder: Of this system's parts alone.

    Raises:
        InputError: A picture cannot be read, or a part is damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts: list[tuple[Features, float]] = []
    done = 0
    while (path := folder / f"{done:07d}.npz").is_file():
        parts.append(_read(path))
        done += len(parts[-1][0])
    if done < len(pictures):
        system.features(pictures[:1])  # threads and buffers of the first call are not counted
    while done < len(pictures):
        ends = [(done // PART + 1) * PART, len(pictures), *(size for size in sizes if size > done)]
        some = pictures[done : min(ends)]
        console.print(f"{system.title}: pictures {done + 1:,} to {done + len(some):,}")
        seconds, features = timed(lambda some=some: system.features(some))  # type: ignore[misc]
        with written_whole(folder / f"{done:07d}.npz") as part, part.open("wb") as file:
            np.savez(file, features=features, seconds=seconds)
        parts.append((features, seconds))
        done += len(some)
    lengths = [0, *(len(features) for features, _ in parts)]
    return Extracted(
        np.concatenate([features for features, _ in parts])[: len(pictures)],
        np.cumsum(lengths),
        np.cumsum([0.0, *(seconds for _, seconds in parts)]),
    )


def _read(path: Path) -> tuple[Features, float]:
    try:
        with np.load(path) as part:
            return part["features"], float(part["seconds"])
    except Exception as error:  # numpy and zipfile raise whatever they stumble on
        raise InputError(
            f"{path}: damaged; remove {path.parent}, and the same command makes it anew"
        ) from error
