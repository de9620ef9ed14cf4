"""Distances of all pairs of query and database picture, a few queries at a time."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dlheir.errors import InputError
from dlheir.retrieval.codes import check_codes, pack

_PAIRS_AT_ONCE = 2**16  # as 512 KB of int64 they stay in the cache


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
        self._database_words, self._database_labels = _words(database[0]), database[1]

    def chunks(self) -> Iterator[Pairs]:
        """Yield all pairs once; memory does not grow with the number of queries."""
        step = max(1, _PAIRS_AT_ONCE // self.database)
        for start in range(0, self.queries, step):
            some = slice(start, start + step)
            distances = self._distances(self._query_words[some])
            relevant = self._query_labels[some, None] == self._database_labels
            yield Pairs(some, distances, relevant)

    def _distances(self, words: NDArray[np.unsignedinteger]) -> NDArray[np.unsignedinteger]:
        distances = np.zeros((len(words), self.database), dtype=np.min_scalar_type(self.bits))
        for word in range(words.shape[1]):
            distances += np.bitwise_count(words[:, word, None] ^ self._database_words[:, word])
        return distances


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
