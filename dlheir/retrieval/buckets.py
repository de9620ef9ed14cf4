"""The engine for short codes: look up pictures by their code, nearest codes first."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dlheir.errors import InputError
from dlheir.retrieval.codes import pack
from dlheir.retrieval.index import Answers, EmbeddedIndex, stored_array

MAX_BITS = 16  # 65,536 buckets; one bit more doubles them, and the farther shells with them


class BucketIndex(EmbeddedIndex):
    """Exact search that looks at near codes alone.

    The pictures of a code are a bucket. The codes at distance d from a query are a shell around it
    of binomial(bits, d) buckets; shells are visited from the inside until k pictures are found.
    """

    engine = "buckets"
    # All in one thread: its steps are so short that others would wait for Python's lock.
    _queries_at_once = 2**30

    def __init__(self, codes: ArrayLike) -> None:
        """Sort the pictures by code.

        Args:
            codes: (N, bits) in {0, 1} with bits <= 16; N may be 0.

        Raises:
            InputError: when `codes` are no codes, or longer ones.
        """
        packed = pack(codes)
        self.bits: int = np.shape(codes)[1]
        if self.bits > MAX_BITS:
            raise InputError(
                f"engine 'buckets': codes of {self.bits} bits, it takes up to {MAX_BITS}; "
                "take 'flat' or 'auto'"
            )
        numbers = _numbers(packed, self.bits)
        # Bucket b is _rows[_starts[b] : _starts[b + 1]]. A stable sort keeps rows ascending in it;
        # of 16-bit numbers it is a radix sort.
        self._rows: NDArray[np.int64] = np.argsort(numbers, kind="stable")
        counts = np.bincount(numbers, minlength=2**self.bits)
        self._starts: NDArray[np.int64] = np.concatenate([[0], np.cumsum(counts)])
        ones = np.bitwise_count(np.arange(2**self.bits))
        self._shells = [np.flatnonzero(ones == distance) for distance in range(self.bits + 1)]

    def __len__(self) -> int:
        return len(self._rows)

    def _search(self, queries: NDArray[np.uint8], width: int) -> Answers:
        rows = np.empty((len(queries), width), dtype=np.int64)
        distances = np.empty((len(queries), width), dtype=np.int32)
        numbers = _numbers(queries, self.bits).astype(np.intp)
        starts = self._starts[numbers]
        # Where a query's own bucket is enough, that is all queries' answer at once.
        enough = self._starts[numbers + 1] - starts >= width
        rows[enough] = self._rows[starts[enough, None] + np.arange(width)]
        distances[enough] = 0
        for query in np.flatnonzero(~enough):
            self._search_one(int(numbers[query]), rows[query], distances[query])
        return rows, distances

    def _search_one(
        self, query: int, rows: NDArray[np.int64], distances: NDArray[np.int32]
    ) -> None:
        """Fill the answers of one query."""
        found = 0
        for distance, shell in enumerate(self._shells):
            here = self._smallest_rows(query ^ shell, len(rows) - found)
            rows[found : found + len(here)] = here
            distances[found : found + len(here)] = distance
            found += len(here)
            if found == len(rows):
                return

    def _smallest_rows(self, buckets: NDArray[np.int64], most: int) -> NDArray[np.int64]:
        """Return up to `most` rows of several buckets together, ascending."""
        starts = self._starts[buckets]
        lengths = np.minimum(self._starts[buckets + 1] - starts, most)
        ends = np.cumsum(lengths)  # in the list of these buckets' rows, one bucket after the other
        positions = np.arange(ends[-1]) + np.repeat(starts - (ends - lengths), lengths)
        return np.sort(self._rows[positions])[:most]

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the sorted rows and where each bucket starts."""
        return {"rows": self._rows, "starts": self._starts}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], bits: int) -> Self:
        """Undo `to_arrays`."""
        index = cls(np.empty((0, bits), dtype=np.uint8))
        index._rows = stored_array(arrays, "rows", np.int64, None)
        index._starts = stored_array(arrays, "starts", np.int64, 2**bits + 1)
        return index


def _numbers(packed: NDArray[np.uint8], bits: int) -> NDArray[np.uint16]:
    """Read packed codes of at most 16 bits as numbers, first bit highest."""
    padded = np.ascontiguousarray(packed[:, :2]).view(">u2")[:, 0].astype(np.uint16)
    return padded >> np.uint16(16 - bits)
