"""One look at every picture before a run: can it be read, what is it, does it occur twice."""

import hashlib
import io
import warnings
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from dlheir.console import console, progress
from dlheir.data.collection import Collection
from dlheir.errors import InputError
from dlheir.machine import usable_cores

FINGERPRINT_SIDE = 10
# Cut off each side, as a share of it: black borders of scanned slides make all pictures alike.
FINGERPRINT_MARGIN = 0.08
# Cosine of two fingerprints. On Corel-5K this finds 11 pairs, each of one scene photographed or
# printed twice; most that follow below are merely alike (sunsets, horizons). The usual difference
# hash, the signs of these differences, is no use there: over smooth skies signs say nothing, and
# sunsets count as copies of a polar bear in the snow.
NEAR_DUPLICATE_COSINE = 0.82
_QUERIES_AT_ONCE = 256


@dataclass(frozen=True)
class PictureFacts:
    """What one look at a picture's file tells.

    Attributes:
        class_name: The picture's class.
        sha256: Hexadecimal SHA-256 of the file's bytes.
        longest_side: The larger of width and height, in pixels.
        is_upright: Whether it is higher than wide.
        fingerprint: Differences of brightness between neighbours of a small copy, down and
            across, (180,) float32 of length 1; all 0 where the picture is of one brightness.
    """

    class_name: str
    sha256: str
    longest_side: int
    is_upright: bool
    fingerprint: npt.NDArray[np.float32]


def inspect(
    collection: Collection, leave_out_unreadable: bool
) -> tuple[Collection, dict[str, PictureFacts]]:
    """Decode every picture of a collection once.

    Args:
        collection: The pictures.
        leave_out_unreadable: Go on without pictures that cannot be decoded, and say which.

    Returns:
        The collection of readable pictures, and the facts of each by name.

    Raises:
        InputError: A picture cannot be decoded and is not to be left out; all are named.
    """
    paths = [collection.root / name for name in collection.names]
    classes = [collection.classes[label] for label in collection.labels]
    with ThreadPoolExecutor(usable_cores()) as pool:
        looks = pool.map(_look, paths, classes)
        found = list(progress(looks, "Reading pictures", total=len(paths)))
    facts = {n: f for n, f in zip(collection.names, found, strict=True) if f is not None}
    unreadable = [name for name in collection.names if name not in facts]
    if unreadable and not leave_out_unreadable:
        raise InputError(
            f"{collection.root}: {len(unreadable)} unreadable: {', '.join(unreadable)}; mend or "
            "remove them, or run without them by --data.leave_out_unreadable true"
        )
    if unreadable:
        console.print(f"Left out, unreadable ({len(unreadable)}): {', '.join(unreadable)}")
    return collection.without(set(unreadable)), facts


def count_near_duplicates(queries: Iterable[PictureFacts], database: Iterable[PictureFacts]) -> int:
    """Number of queries that look almost the same as some database picture.

    Args:
        queries: Facts of the query pictures.
        database: Facts of the database pictures.

    Returns:
        How many queries have a database picture of the same orientation whose fingerprint has
        a cosine of at least `NEAR_DUPLICATE_COSINE` with theirs.
    """
    asked, stored = list(queries), list(database)
    prints = np.stack([facts.fingerprint for facts in stored])
    upright = np.array([facts.is_upright for facts in stored])
    count = 0
    for start in range(0, len(asked), _QUERIES_AT_ONCE):
        chunk = asked[start : start + _QUERIES_AT_ONCE]
        alike = np.stack([q.fingerprint for q in chunk]) @ prints.T >= NEAR_DUPLICATE_COSINE
        same_way_up = np.array([q.is_upright for q in chunk])[:, None] == upright
        count += int((alike & same_way_up).any(axis=1).sum())
    return count


def _look(path: Path, class_name: str) -> PictureFacts | None:
    try:
        content = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd metadata; the picture is fine
            with Image.open(io.BytesIO(content)) as picture:
                grey = picture.convert("L")
    except Exception:  # decoders raise whatever their parsers stumble on
        return None
    sha256 = hashlib.sha256(content).hexdigest()
    width, height = grey.size
    return PictureFacts(class_name, sha256, max(grey.size), height > width, _fingerprint(grey))


def _fingerprint(grey: Image.Image) -> npt.NDArray[np.float32]:
    width, height = grey.size
    near, far = FINGERPRINT_MARGIN, 1 - FINGERPRINT_MARGIN
    inside = (near * width, near * height, far * width, far * height)
    side = (FINGERPRINT_SIDE, FINGERPRINT_SIDE)
    brightness = np.asarray(grey.resize(side, Image.Resampling.BOX, box=inside), dtype=np.float32)
    down, across = np.diff(brightness, axis=0), np.diff(brightness, axis=1)
    steps = np.concatenate([down, across], axis=None)
    return (steps / max(float(np.linalg.norm(steps)), 1.0)).astype(np.float32)
