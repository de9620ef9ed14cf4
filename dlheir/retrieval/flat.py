"""The engine for every length of code: compare each query with each code."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import faiss
import numpy as np
from numpy.typing import ArrayLike, NDArray

from dlheir.retrieval.codes import pack, packed_bytes
from dlheir.retrieval.index import Answers, EmbeddedIndex, in_threads, stored_array

# Codes of a thread, where several compare theirs with the same query: they take 0.3 ms, several
# times as long as handing them over.
_SMALLEST_SHARE = 500_000
# Where more codes than this come to an answer, few of them enter a heap, and that is cheapest.
_HEAP_FROM = 1000
_PLACES = 2**19  # for answers by distance, 4 MB


class FlatIndex(EmbeddedIndex):
    """Exact search over all codes, by faiss."""

    engine = "flat"

    def __init__(self, codes: ArrayLike) -> None:
        """Take the codes over.

        Args:
            codes: (N, bits) in {0, 1}; N may be 0.

        Raises:
            InputError: when `codes` are no codes.
        """
        self._packed = pack(codes)
        self.bits: int = np.shape(codes)[1]

    def __len__(self) -> int:
        return len(self._packed)

    def _search(self, queries: NDArray[np.uint8], width: int) -> Answers:
        return _nearest(queries, self._packed, width)

    def _search_few(self, queries: NDArray[np.uint8], width: int, workers: int) -> Answers:
        """Divide the codes among threads, where they are many enough."""
        shares = min(workers, len(self) // max(_SMALLEST_SHARE, width))
        if shares < 2:
            return self._search(queries, width)
        bounds = [len(self) * share // shares for share in range(shares + 1)]
        found = in_threads(
            lambda share: _nearest(queries, self._packed[bounds[share] : bounds[share + 1]], width),
            range(shares),
            workers,
        )
        rows = np.hstack([rows + start for (rows, _), start in zip(found, bounds, strict=False)])
        distances = np.hstack([distances for _, distances in found])
        # Rows ascend among ties from share to share, so a stable sort keeps them ascending.
        order = np.argsort(distances, axis=1, kind="stable")[:, :width]
        return np.take_along_axis(rows, order, 1), np.take_along_axis(distances, order, 1)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the packed codes."""
        return {"codes": self._packed}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], bits: int) -> Self:
        """Undo `to_arrays`."""
        packed = stored_array(arrays, "codes", np.uint8, None, packed_bytes(bits))
        index = cls(np.empty((0, bits), dtype=np.uint8))
        index._packed = np.ascontiguousarray(packed)
        return index


def _nearest(queries: NDArray[np.uint8], packed: NDArray[np.uint8], width: int) -> Answers:
    """Compare packed queries with packed codes, in this thread.

    faiss keeps the nearest in a heap, or in one list for each distance. Both answer the same; lists
    take half the time for 100 of 8,000 and a fortieth for all of them, but `width` places each.
    """
    places = (8 * packed.shape[1] + 1) * width  # of one query
    if places > _PLACES or len(packed) > _HEAP_FROM * width:
        variant, step = "hc", len(queries)
    else:
        variant, step = "mc", _PLACES // places
    rows = np.empty((len(queries), width), dtype=np.int64)
    distances = np.empty((len(queries), width), dtype=np.int32)
    with one_openmp_thread():
        for start in range(0, len(queries), step):
            some = slice(start, start + step)
            found = faiss.knn_hamming(queries[some], packed, width, variant)
            distances[some], rows[some] = found
    return rows, distances


@contextmanager
def one_openmp_thread() -> Iterator[None]:
    """Let faiss work alone in this thread.

    faiss's barrier between OpenMP threads takes 50 times the search itself when the machine is
    busy. The number of OpenMP threads belongs to the calling thread; the user's own faiss gets its
    number back.
    """
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
