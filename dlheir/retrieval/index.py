"""What all search engines have in common: the contract, the checks, the threads."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from dlheir.errors import InputError
from dlheir.machine import usable_cores
from dlheir.retrieval.codes import check_codes, pack

T = TypeVar("T")
R = TypeVar("R")
Answers = tuple[NDArray[np.int64], NDArray[np.int32]]  # rows and distances, one line a query


class Index(ABC):
    """Codes of a database, ready to be searched.

    Euclidean distance on codes (the paper, section 4) is the square root of Hamming distance, so
    the ranking is the same.

    Attributes:
        bits: code length.
    """

    bits: int
    # Those that faiss compares with the database in one pass; more would divide less evenly.
    _queries_at_once: ClassVar[int] = 32

    @abstractmethod
    def __len__(self) -> int: ...

    def search(self, query_codes: ArrayLike, k: int, threads: int | None = None) -> Answers:
        """Find the k nearest database rows of each query.

        Args:
            query_codes: (Q, bits) in {0, 1}.
            k: answers a query, at least 1; more than the database holds asks for all of it.
            threads: the work is divided among so many; default: the cores this process may use.

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
        if rows.size == 0:
            return rows, distances

        def search_chunk(chunk: slice) -> None:
            rows[chunk], distances[chunk] = self._search(queries[chunk], width)

        workers = threads or usable_cores()
        starts = range(0, len(queries), self._queries_at_once)
        chunks = [slice(start, start + self._queries_at_once) for start in starts]
        if len(chunks) == 1:
            return self._search_few(queries, width, workers)
        in_threads(search_chunk, chunks, workers)
        return rows, distances

    @abstractmethod
    def _search(self, queries: NDArray[np.uint8], width: int) -> Answers:
        """Search as `search` does, within one thread.

        Args:
            queries: (Q, packed_bytes(bits)) packed codes, Q >= 1.
            width: answers a query, 1 to N.
        """

    def _search_few(
        self,
        queries: NDArray[np.uint8],
        width: int,
        workers: int,  # noqa: ARG002 - for engines that divide their codes
    ) -> Answers:
        """Search for too few queries to divide them; here, in the caller's thread.

        Args:
            queries: as in `_search`.
            width: as in `_search`.
            workers: threads that an engine may divide its codes among.
        """
        return self._search(queries, width)


class EmbeddedIndex(Index):
    """An index within this process.

    Attributes:
        engine: the name that `build_index` and `restore_index` know it by.
    """

    engine: ClassVar[str]

    @abstractmethod
    def __init__(self, codes: ArrayLike) -> None: ...

    @abstractmethod
    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return all that the index is made of, for a file that saves building it again."""

    @classmethod
    @abstractmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], bits: int) -> Self:
        """Undo `to_arrays`.

        Raises:
            InputError: when these arrays are not of such an index.
        """


def stored_array(
    arrays: Mapping[str, NDArray[Any]], name: str, dtype: DTypeLike, *shape: int | None
) -> NDArray[Any]:
    """Return one of the arrays that `to_arrays` gave; None in its shape stands for any length.

    Raises:
        InputError: where it is missing or another one.
    """
    array = np.asarray(arrays.get(name))
    lengths = [got if want is None else want for want, got in zip(shape, array.shape, strict=False)]
    if array.dtype != dtype or array.ndim != len(shape) or array.shape != tuple(lengths):
        raise InputError(f"stored index: no {name!r} as this engine needs it; build it again")
    return array


def in_threads(function: Callable[[T], R], items: Sequence[T], workers: int) -> list[R]:
    """Call a function with each item, by threads that stay for the next call and by the caller.

    Starting threads for each search would take longer than a search of 100,000 codes. The caller is
    awake already, and waking one more thread takes as long as 100,000 codes.
    """
    results: dict[int, R] = {}
    numbers = iter(range(len(items)))  # each takes its next item from here

    def take() -> None:
        for number in numbers:
            results[number] = function(items[number])

    threads = min(workers, len(items))
    others = [_pool(workers, os.getpid()).submit(take) for _ in range(threads - 1)]
    take()
    for other in others:
        if not other.cancel():  # one that has not begun would find nothing left
            other.result()
    return [results[number] for number in range(len(items))]


@cache
def _pool(workers: int, process: int) -> ThreadPoolExecutor:
    """Start threads once a process: a forked one has none of its parent's."""
    return ThreadPoolExecutor(workers, thread_name_prefix=f"dlheir-search-{process}")
