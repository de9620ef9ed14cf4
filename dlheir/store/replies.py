"""What the server hands out, each with the owner's root of the same moment to hold it to."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dlheir.store.record import Leaf, Record
from dlheir.store.root import SignedRoot


class Found(NamedTuple):
    """What a search found.

    Attributes:
        ids: (Q, min(k, N)) picture ids, an object array of bytes: numpy's own bytes type drops
            trailing zeros.
        distances: (Q, min(k, N)) int32, in bits.
        root: what the owner had signed at that moment.
    """

    ids: NDArray[np.object_]
    distances: NDArray[np.int32]
    root: SignedRoot


class Proven(NamedTuple):
    """A picture's row with the proof that leads to the root."""

    leaf: Leaf
    proof: tuple[bytes, ...]
    root: SignedRoot


class Served(NamedTuple):
    """A sealed picture with the proof that leads to the root."""

    record: Record
    proof: tuple[bytes, ...]
    root: SignedRoot
