"""Distances of all pairs of query and database picture, a few queries at a time."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dlheir.errors import InputError
from dlheir.machine import usable_cores
from dlheir.retrieval.codes import check_codes, pack
from dlheir.retrieval.index import in_threads

# With fewer, threads wait for each other's short steps; more leave the caches.
_PAIRS_AT_ONCE = 2**19


class Pairs(NamedTuple):
    """Some queries against the whole database.

    Attributes:
        queries: which rows of the query codes.
        distances: (q, N) bits that differ, in the smallest unsigned type that holds them.
        relevant: (q, N) bool, whether the database picture has the query's label.
    """

    queries: slice
    distances: NDArray[np.unsignedinteger]
    relevant: NDArray[np.bool_]


Work = Callable[[Pairs], None]
"""Something to do with pairs. It may overwrite them; the next ones lie in the same memory."""


class LabelledCodes:
    """Queries and the database that they are asked of, checked.

    Attributes:
        queries: number of queries, at least 1.
        database: number of database pictures, at least 1.
        bits: code length.
    """

    def __init__(
        self,
        query_codes: ArrayLike,
        query_labels: ArrayLike,
        database_codes: ArrayLike,
        database_labels: ArrayLike,
    ) -> None:
        """Check and pack the codes.

        Args:
            query_codes: (Q, bits) in {0, 1}, Q >= 1.
            query_labels: (Q,) integers.
            database_codes: (N, bits) in {0, 1}, N >= 1.
            database_labels: (N,) integers.

        Raises:
            InputError: on anything else.
        """
        database = _check_set(database_codes, database_labels, "database", None)
        self.bits: int = database[0].shape[1]
        queries = _check_set(query_codes, query_labels, "query", self.bits)
        self.queries, self.database = len(queries[0]), len(database[0])
        self._query_words, self._query_labels = _words(queries[0]), queries[1]
        # Word after word, as each is compared with all the database's.
        self._database_words = np.ascontiguousarray(_words(database[0]).T)
        self._database_labels = database[1]

    def each(self, begin: Callable[[int], Work]) -> None:
        """Do some work with all pairs, on all cores.

        Memory does not grow with the number of queries.

        Args:
            begin: called once in each thread, with the most queries that will come at a time, and
                returns the thread's work, which then gets some queries at a time.
        """
        step = min(self.queries, max(1, _PAIRS_AT_ONCE // self.database))
        starts = iter(range(0, self.queries, step))  # all threads take theirs from here
        threads = min(usable_cores(), -(-self.queries // step))

        def work_through(_: int) -> None:
            work, memory = begin(step), self._memory(step)
            for start in starts:
                work(self._pairs(slice(start, min(start + step, self.queries)), *memory))

        in_threads(work_through, range(threads), threads)

    def _memory(self, queries: int) -> tuple[NDArray[Any], ...]:
        """What `_pairs` needs for so many queries: to get it anew takes as long as the work."""
        types = (self._query_words.dtype, np.uint8, np.min_scalar_type(self.bits), bool)
        return tuple(np.empty((queries, self.database), dtype) for dtype in types)

    def _pairs(self, queries: slice, *memory: NDArray[Any]) -> Pairs:
        asked, labels = self._query_words[queries], self._query_labels[queries]
        differing, counts, distances, relevant = (array[: len(asked)] for array in memory)
        distances[:] = 0
        for word, stored in enumerate(self._database_words):
            np.bitwise_xor(asked[:, word, None], stored, out=differing)
            distances += np.bitwise_count(differing, out=counts)
        np.equal(labels[:, None], self._database_labels, out=relevant)
        return Pairs(queries, distances, relevant)


def _words(codes: NDArray[np.uint8]) -> NDArray[np.unsignedinteger]:
    """View packed codes as machine words, (N, words)."""
    packed = pack(codes)
    return packed.view(np.uint32 if packed.shape[1] == 4 else np.uint64)


def _check_set(
    codes: ArrayLike, labels: ArrayLike, name: str, bits: int | None
) -> tuple[NDArray[np.uint8], NDArray[np.integer]]:
    rows = check_codes(codes, f"{name} codes", bits)
    if len(rows) == 0:
        raise InputError(f"{name} codes: no row, expected at least one")
    classes = np.asarray(labels)
    if classes.dtype.kind not in "ui" or classes.shape != (len(rows),):
        raise InputError(
            f"{name} labels: {classes.dtype} of shape {classes.shape}, "
            f"expected integers ({len(rows)},), one a code"
        )
    return rows, classes
