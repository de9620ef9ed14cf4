"""One look at every picture before a run: can it be read, what is it, does it occur twice."""

import hashlib
import io
import os
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
from dlheir.retrieval import search

FINGERPRINT_SIDE = 16
# Of 256 bits. Re-encoded and slightly cropped copies differ in a few; unrelated pictures in ~100.
NEAR_DUPLICATE_BITS = 12


@dataclass(frozen=True)
class PictureFacts:
    """What one look at a picture's file tells.

    Attributes:
        class_name: The picture's class.
        sha256: Hexadecimal SHA-256 of the file's bytes.
        longest_side: The larger of width and height, in pixels.
        fingerprint: Difference hash of the brightness, (256,) uint8 of 0 and 1.
    """

    class_name: str
    sha256: str
    longest_side: int
    fingerprint: npt.NDArray[np.uint8]


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
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
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
        How many queries have a database picture within `NEAR_DUPLICATE_BITS` of 256 bits.
    """
    query_codes = np.stack([facts.fingerprint for facts in queries])
    database_codes = np.stack([facts.fingerprint for facts in database])
    _, distances = search(query_codes, database_codes, k=1)
    return int((distances[:, 0] <= NEAR_DUPLICATE_BITS).sum())


def _look(path: Path, class_name: str) -> PictureFacts | None:
    try:
        content = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd metadata; the picture is fine
            with Image.open(io.BytesIO(content)) as picture:
                grey = picture.convert("L")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    sha256 = hashlib.sha256(content).hexdigest()
    return PictureFacts(class_name, sha256, max(grey.size), _fingerprint(grey))


def _fingerprint(grey: Image.Image) -> npt.NDArray[np.uint8]:
    small = grey.resize((FINGERPRINT_SIDE + 1, FINGERPRINT_SIDE), Image.Resampling.BOX)
    brightness = np.asarray(small, dtype=np.int16)
    return (brightness[:, 1:] > brightness[:, :-1]).astype(np.uint8).reshape(-1)
