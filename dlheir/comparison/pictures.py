"""The pictures of a comparison: a real set's first, then painted ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from dlheir import data
from dlheir.console import progress
from dlheir.data.drafts import whole_folder
from dlheir.data.gallery import CLASSES, write_pictures
from dlheir.errors import InputError
from dlheir.files import sha256_of, user_cache

PAINTED = "painted"
SEED = 0
_SIZE = (384, 256)  # of painted pictures where there are no real ones: Corel-1K's
_QUALITY = 90  # of their JPEG files


@dataclass(frozen=True)
class Pictures:
    """A collection that grows, and pictures to ask with that are not in it.

    Attributes:
        name: Of the real set, or `PAINTED`.
        paths: Of the largest collection; a smaller one is its beginning.
        queries: Pictures to ask with, real ones where there are some.
        real: How many of `paths` are real; they come first.
        size: Width and height of the painted ones.
        sha256: Of the real pictures, and of how the others are painted.
    """

    name: str
    paths: tuple[Path, ...]
    queries: tuple[Path, ...]
    real: int
    size: tuple[int, int]
    sha256: str

    @property
    def painted(self) -> int:
        """How many of `paths` are painted."""
        return len(self.paths) - self.real


def gather(name: str | None, root: Path | None, largest: int, queries: int) -> Pictures:
    """Put a collection together, and paint what it lacks.

    Args:
        name: Of a data module, such as `Corel5K`; null for painted pictures alone.
        root: Its folder.
        largest: Size of the largest collection.
        queries: How many pictures to ask with.

    Raises:
        InputError: The pictures are refused, or too few to ask with.
    """
    if name is None or root is None:
        painted = _paint(_SIZE, largest + queries)
        sha256 = _identity([], _SIZE)
        return Pictures(PAINTED, painted[queries:], painted[:queries], 0, _SIZE, sha256)
    module = getattr(data, name)(root=str(root), allow_copies=True)
    real = sorted(module.facts)
    if len(real) <= queries:
        raise InputError(f"{root}: {len(real)} pictures, too few for {queries} queries; add some")
    order = np.random.default_rng(SEED).permutation(len(real))
    paths = tuple(module.collection.root / real[i] for i in order)
    size = _usual_size(paths[: queries + 100])
    there = paths[queries:][:largest]
    return Pictures(
        module.set_name,
        there + _paint(size, largest - len(there)),
        paths[:queries],
        len(there),
        size,
        _identity([module.facts[name].sha256 for name in real], size),
    )


def _identity(real: Sequence[str], size: tuple[int, int]) -> str:
    return sha256_of({"real": list(real), "painted": size, "seed": SEED})


def _usual_size(paths: Sequence[Path]) -> tuple[int, int]:
    """Medians of width and height, lying: painted pictures then cost what real ones do."""
    sizes = []
    for path in paths:
        with Image.open(path) as picture:
            sizes.append((max(picture.size), min(picture.size)))
    width, height = np.median(sizes, axis=0)
    return int(width), int(height)


def _paint(size: tuple[int, int], count: int) -> tuple[Path, ...]:
    """Paint JPEG files, in the user's cache; classes take turns."""
    if count <= 0:
        return ()
    per_class = -(-count // len(CLASSES))
    width, height = size
    folder = user_cache() / "compare" / f"{width}x{height}-s{SEED}-{per_class}"
    paths = [folder / f"{n:04d}-{kind}.jpg" for n in range(per_class) for kind in CLASSES]
    if not folder.is_dir():
        with whole_folder(folder, folder.is_dir) as draft:
            square = draft.with_name("square")
            write_pictures(square, seed=SEED, pictures_per_class=per_class, size=max(size))
            draft.mkdir()
            for path in progress(paths, "Saving as JPEG"):
                number, _, kind = path.stem.partition("-")
                with Image.open(square / kind / f"{number}.png") as picture:
                    top = (width - height) // 2
                    shown = picture.crop((0, top, width, top + height))
                    shown.save(draft / path.name, quality=_QUALITY)
    return tuple(paths[:count])
