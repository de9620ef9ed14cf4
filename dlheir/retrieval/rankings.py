"""Which answers are relevant, in the order in which queries get them: by distance, then by row."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dlheir.retrieval.pairs import LabelledCodes, Pairs, Work


def ranked_relevance(codes: LabelledCodes, depth: int) -> NDArray[np.bool_]:
    """Tell for the first answers of each query whether they have its label.

    Args:
        codes: queries and database.
        depth: answers a query, at least 1; more than the database holds asks for all of it.

    Returns:
        (Q, min(depth, N)) bool, nearest first, equal distances by row.
    """
    depth = min(depth, codes.database)
    found = np.empty((codes.queries, depth), dtype=bool)

    def keep(queries: slice, ranked: NDArray[np.bool_]) -> None:
        found[queries] = ranked

    each_ranking(codes, depth, keep)
    return found


def each_ranking(
    codes: LabelledCodes, depth: int, work: Callable[[slice, NDArray[np.bool_]], None]
) -> None:
    """Do some work with all rankings, on all cores.

    Args:
        codes: queries and database.
        depth: answers a query, 1 to N.
        work: gets which queries, and what `ranked_relevance` tells of them, (q, depth); called by
            several threads, each query once; the next rankings lie in the same memory.
    """
    # One number a pair, of distance, row and relevance: to sort numbers takes a fraction of the
    # time that it takes to find an order of rows.
    row_bits = (codes.database - 1).bit_length()
    key = np.min_scalar_type(2 ** (codes.bits.bit_length() + row_bits + 1) - 1)
    rows = np.arange(codes.database, dtype=key) << 1

    def begin(queries: int) -> Work:
        keys_memory = np.empty((queries, codes.database), key)
        ranked_memory = np.empty((queries, depth), bool)

        def rank(pairs: Pairs) -> None:
            keys, ranked = (array[: len(pairs.relevant)] for array in (keys_memory, ranked_memory))
            keys[:] = pairs.distances
            keys <<= row_bits + 1
            keys |= rows
            keys |= pairs.relevant
            if depth < codes.database:
                keys.partition(depth - 1, axis=1)
            first = keys[:, :depth]
            first.sort(axis=1)
            np.bitwise_and(first, 1, out=ranked, casting="unsafe")
            work(pairs.queries, ranked)

        return rank

    codes.each(begin)
