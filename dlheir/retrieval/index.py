"""Exact search by Hamming distance, in the order (distance, row)."""

from concurrent.futures import ThreadPoolExecutor

import faiss
import numpy as np
from numpy.typing import ArrayLike, NDArray

from dlheir.errors import InputError
from dlheir.machine import usable_cores
from dlheir.retrieval.codes import check_codes, pack

_SMALLEST_CHUNK = 32  # queries that faiss compares with the database in one pass


class HammingIndex:
    """Codes of a database, ready to be searched.

    Euclidean distance on codes (the paper, section 4) is the square root of Hamming distance, so
    the ranking is the same.
    """

    def __init__(self, codes: ArrayLike) -> None:
        """Take the codes over.

        Args:
            codes: (N, bits) in {0, 1}; N may be 0.

        Raises:
            InputError: when `codes` are no codes.
        """
        packed = pack(codes)
        self.bits: int = np.shape(codes)[1]
        self._index = faiss.IndexBinaryFlat(8 * packed.shape[1])
        self._index.add(packed)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(
        self, query_codes: ArrayLike, k: int, threads: int | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Find the k nearest database rows of each query.

        Args:
            query_codes: (Q, bits) in {0, 1}.
            k: answers a query, at least 1; more than the database holds asks for all of it.
            threads: queries are divided among so many; default: the cores this process may use.

        Returns:
            rows (Q, min(k, N)) and distances (Q, min(k, N)) in bits, nearest first, equal
            distances by row number.

        Raises:
            InputError: on queries that are no codes of this index's length, or k < 1.
        """
        queries = pack(check_codes(query_codes, "query codes", self.bits))
        if k < 1:
            raise InputError(f"k: {k}, expected at least 1")
        width = min(k, len(self))
        rows = np.empty((len(queries), width), dtype=np.int64)
        distances = np.empty((len(queries), width), dtype=np.int32)
        if rows.size == 0:  # faiss refuses k = 0
            return rows, distances

        def search_chunk(chunk: slice) -> None:
            distances[chunk], rows[chunk] = self._index.search(queries[chunk], width)

        # One OpenMP thread a call and threads of our own around it: faiss's barrier between
        # OpenMP threads takes 50 times the search itself when the machine is busy. The number
        # of OpenMP threads belongs to the calling thread, so the user's own faiss keeps its.
        workers = threads or usable_cores()
        with ThreadPoolExecutor(workers, initializer=_one_openmp_thread) as pool:
            list(pool.map(search_chunk, _chunks(len(queries), workers)))
        return rows, distances


def search(
    query_codes: ArrayLike, database_codes: ArrayLike, k: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Find the k nearest database rows of each query.

    Args:
        query_codes: (Q, bits) in {0, 1}.
        database_codes: (N, bits) in {0, 1}.
        k: answers a query, at least 1; more than N asks for all.

    Returns:
        ids (Q, min(k, N)), which are rows of `database_codes`, and distances (Q, min(k, N)) in
        bits, ordered by (distance, id).

    Raises:
        InputError: on anything else.
    """
    return HammingIndex(database_codes).search(query_codes, k)


def _one_openmp_thread() -> None:
    faiss.omp_set_num_threads(1)


def _chunks(queries: int, workers: int) -> list[slice]:
    size = max(_SMALLEST_CHUNK, -(-queries // workers))
    return [slice(start, start + size) for start in range(0, queries, size)]
