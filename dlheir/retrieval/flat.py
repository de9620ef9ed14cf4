"""The engine for every length of code: compare each query with each code."""

from collections.abc import Mapping
from typing import Any, Self

import faiss
import numpy as np
from numpy.typing import ArrayLike, NDArray

from dlheir.retrieval.codes import pack, packed_bytes
from dlheir.retrieval.index import Answers, EmbeddedIndex, stored_array


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
        packed = pack(codes)
        self.bits: int = np.shape(codes)[1]
        self._index: Any = faiss.IndexBinaryFlat(8 * packed.shape[1])
        self._index.add(packed)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def _search(self, queries: NDArray[np.uint8], width: int) -> Answers:
        one_openmp_thread()
        distances, rows = self._index.search(queries, width)
        return rows, distances

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the packed codes."""
        packed = faiss.vector_to_array(self._index.xb)
        return {"codes": packed.reshape(len(self), packed_bytes(self.bits))}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], bits: int) -> Self:
        """Undo `to_arrays`."""
        packed = stored_array(arrays, "codes", np.uint8, None, packed_bytes(bits))
        index = cls(np.empty((0, bits), dtype=np.uint8))
        index._index.add(np.ascontiguousarray(packed))
        return index


def one_openmp_thread() -> None:
    """Let faiss work alone in this thread of a pool.

    faiss's barrier between OpenMP threads takes 50 times the search itself when the machine is
    busy. The number of OpenMP threads belongs to the calling thread, so the user's own faiss keeps
    its.
    """
    faiss.omp_set_num_threads(1)
