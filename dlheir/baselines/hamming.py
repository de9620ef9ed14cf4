"""The server of systems whose features are codes."""

import numpy as np
from numpy.typing import NDArray

from dlheir.baselines.system import Answers, ServerIndex
from dlheir.retrieval import build_index

Codes = NDArray[np.uint8]


class HammingIndex(ServerIndex[Codes]):
    """Protected codes, searched exactly by Hamming distance."""

    def __init__(self, codes: Codes) -> None:
        """Pack the codes (N, bits) in {0, 1}."""
        self._index = build_index(codes)

    def __len__(self) -> int:
        return len(self._index)

    def search(self, trapdoors: Codes, k: int) -> Answers:
        """Find the k nearest pictures of each query (Q, bits); a score is a number of bits."""
        rows, distances = self._index.search(trapdoors, k)
        return rows, distances.astype(np.float64)
