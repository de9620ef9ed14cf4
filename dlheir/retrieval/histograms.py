"""Each query's histogram of distances, which all figures that no order of ties decides need."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dlheir.retrieval.pairs import LabelledCodes, Pairs


class DistanceHistograms(NamedTuple):
    """How many database pictures lie at each distance of each query.

    Attributes:
        total: (Q, bits + 1) int64, column d counts the pictures at distance d.
        relevant: (Q, bits + 1) int64, those among them with the query's label.
    """

    total: NDArray[np.int64]
    relevant: NDArray[np.int64]


def distance_histograms(
    query_codes: ArrayLike,
    query_labels: ArrayLike,
    database_codes: ArrayLike,
    database_labels: ArrayLike,
) -> DistanceHistograms:
    """Count the database pictures at each distance of each query.

    Memory beside the result does not grow with the number of queries.

    Args:
        query_codes: (Q, bits) in {0, 1}, Q >= 1.
        query_labels: (Q,) integers.
        database_codes: (N, bits) in {0, 1}, N >= 1.
        database_labels: (N,) integers.

    Raises:
        InputError: on anything else.
    """
    return histograms_of(LabelledCodes(query_codes, query_labels, database_codes, database_labels))


def histograms_of(codes: LabelledCodes) -> DistanceHistograms:
    """Do the same with codes that were checked."""
    counts = np.empty((codes.queries, 2, codes.bits + 1), dtype=np.int64)
    for pairs in codes.chunks():
        counts[pairs.queries] = _count(pairs, codes.bits)
    return DistanceHistograms(total=counts.sum(axis=1), relevant=counts[:, 1])


def _count(pairs: Pairs, bits: int) -> NDArray[np.int64]:
    """Count pairs by query, relevance and distance in one pass: (q, 2, bits + 1)."""
    shape = (len(pairs.distances), 2, bits + 1)
    firsts = 2 * (bits + 1) * np.arange(shape[0], dtype=np.int64)[:, None]
    places = firsts + (bits + 1) * pairs.relevant + pairs.distances
    return np.bincount(places.ravel(), minlength=int(np.prod(shape))).reshape(shape)
