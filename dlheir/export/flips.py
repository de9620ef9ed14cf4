"""What another way to compute a network's codes costs: bits that flip, and precision."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dlheir.console import counter
from dlheir.data import PictureFolder
from dlheir.errors import InputError
from dlheir.hashing import Hasher, hash_pictures
from dlheir.retrieval import evaluate
from dlheir.store.owner import Picture

_AT_ONCE = 256  # pictures whose bytes are held in memory


class SplitCodes(NamedTuple):
    """The codes of both sides of a split, in its order.

    Attributes:
        database_codes: (N, bits) uint8 in {0, 1}.
        query_codes: (Q, bits) uint8 in {0, 1}.
        database_labels: (N,) integers.
        query_labels: (Q,) integers.
    """

    database_codes: NDArray[np.uint8]
    query_codes: NDArray[np.uint8]
    database_labels: NDArray[np.int64]
    query_labels: NDArray[np.int64]


class Flips(NamedTuple):
    """Codes beside reference codes of the same pictures.

    Attributes:
        flipped: bits that differ.
        bits: bits in all, pictures times code length.
        pictures_changed: pictures with a bit that differs.
        pictures: pictures in all, database and queries.
        expected_precision: precision@k over all orders of ties where both sides have these codes.
        expected_map: the same of mean average precision.
        mixed_expected_precision: where the database has the reference's codes.
        mixed_expected_map: the same of mean average precision.
    """

    flipped: int
    bits: int
    pictures_changed: int
    pictures: int
    expected_precision: dict[str, float]
    expected_map: float
    mixed_expected_precision: dict[str, float]
    mixed_expected_map: float


def hash_split(hasher: Hasher, data: PictureFolder) -> SplitCodes:
    """Hash the database and the queries of a data module.

    Raises:
        InputError: a picture cannot be read.
    """
    split = data.split
    with counter("Hashing pictures", len(split.database) + len(split.queries)) as advance:
        database_codes = _hashed(hasher, data, split.database, advance)
        query_codes = _hashed(hasher, data, split.queries, advance)
    return SplitCodes(
        database_codes,
        query_codes,
        np.asarray(data.labels(split.database)),
        np.asarray(data.labels(split.queries)),
    )


def compare(
    reference: SplitCodes, other: SplitCodes, ks: Sequence[int] = (20, 40, 60, 80, 100)
) -> Flips:
    """Count the bits that differ, and measure what they do to precision.

    Args:
        reference: codes of the network as it was tested.
        other: codes of the same pictures in the same order, computed in another way.
        ks: numbers of answers.

    Raises:
        InputError: the two are not of the same pictures or code length.
    """
    flipped = [
        _differing(reference.database_codes, other.database_codes),
        _differing(reference.query_codes, other.query_codes),
    ]
    both = np.concatenate(flipped)
    labels, queries = reference.database_labels, reference.query_labels
    own = evaluate(other.query_codes, queries, other.database_codes, labels, ks)
    mixed = evaluate(other.query_codes, queries, reference.database_codes, labels, ks)
    return Flips(
        flipped=int(both.sum()),
        bits=both.size,
        pictures_changed=int(both.any(axis=1).sum()),
        pictures=len(both),
        expected_precision=own["expected_precision"],
        expected_map=own["expected_map"],
        mixed_expected_precision=mixed["expected_precision"],
        mixed_expected_map=mixed["expected_map"],
    )


def _hashed(
    hasher: Hasher, data: PictureFolder, names: tuple[str, ...], advance: Callable[[int], None]
) -> NDArray[np.uint8]:
    pictures = [Picture(*pair) for pair in zip(names, data.paths(names), strict=True)]
    codes = [np.empty((0, hasher.bits), dtype=np.uint8)]
    for start in range(0, len(pictures), _AT_ONCE):
        hashed = hash_pictures(hasher, pictures[start : start + _AT_ONCE])
        if hashed.unreadable:
            raise hashed.unreadable[0]
        codes.append(hashed.codes)
        advance(len(hashed.codes))
    return np.concatenate(codes)


def _differing(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.bool_]:
    if first.shape != second.shape:
        raise InputError(f"codes to compare: shapes {first.shape} and {second.shape}")
    return np.not_equal(first, second)
