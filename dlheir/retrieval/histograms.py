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
    total = np.empty((codes.queries, codes.bits + 1), dtype=np.int64)
    relevant = np.empty_like(total)

    def count(pairs: Pairs) -> None:
        counts = _count(pairs, codes.bits)
        relevant[pairs.queries] = counts[:, :, 1]
        total[pairs.queries] = counts.sum(axis=2)

    codes.each(lambda _: count)
    return DistanceHistograms(total, relevant)


def _count(pairs: Pairs, bits: int) -> NDArray[np.int64]:
    """Count pairs by query, distance and relevance: (q, bits + 1, 2).

    Sorted, equal ones are a run, and the ends of runs tell their lengths. Sorting small numbers
    takes less time than `np.bincount`, which makes eight bytes of each, and lets other threads run.
    """
    queries, database = pairs.distances.shape
    kinds = 2 * (bits + 1)
    keys = pairs.distances.astype(np.min_scalar_type(kinds - 1), copy=False)
    keys <<= 1
    keys |= pairs.relevant.view(np.uint8)  # a view: converting would take longer
    keys.sort(axis=1, kind="stable")  # of up to 16 bits that is a radix sort
    ending = pairs.relevant  # its memory once more
    np.not_equal(keys[:, 1:], keys[:, :-1], out=ending[:, :-1])
    ending[:, -1] = True
    ends = np.flatnonzero(ending)
    lengths = ends - np.concatenate(([-1], ends[:-1]))
    counts = np.zeros(queries * kinds, dtype=np.int64)
    counts[ends // database * kinds + keys.ravel()[ends]] = lengths
    return counts.reshape(queries, bits + 1, 2)
