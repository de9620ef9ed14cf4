"""The server's index: a cache of its code table, stamped with the sequence number it was built at.

Codes under different key versions cannot be compared, so there is one engine per version, and the
answers are merged by (distance, id).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dlheir.retrieval import Index, IVFIndex, packed_bytes, unpack
from dlheir.store.errors import StaleTrapdoorError

Row = tuple[bytes, int, bytes]
"""A picture's id, its key version and its packed code."""


@dataclass(frozen=True)
class Part:
    """The pictures of one key version.

    Attributes:
        rows: (n,) their rows among all pictures, ascending.
        index: their codes.
    """

    rows: NDArray[np.int64]
    index: Index


@dataclass(frozen=True)
class Ranking:
    """All pictures, ready to be searched.

    Attributes:
        sequence: the store's sequence number that this is the state of.
        picture_ids: (N,) object array of bytes, ascending; numpy's own bytes type drops trailing
            zeros.
        parts: by key version.
    """

    sequence: int
    picture_ids: NDArray[np.object_]
    parts: dict[int, Part]

    @classmethod
    def build(
        cls,
        sequence: int,
        rows: Sequence[Row],
        bits: int,
        make: Callable[[int, NDArray[np.uint8]], Index],
    ) -> "Ranking":
        """Build the index.

        Args:
            sequence: stamp.
            rows: of all pictures, in the order of ids.
            bits: code length.
            make: a key version and the codes (n, bits) under it to an engine that has them.
        """
        picture_ids = np.array([picture_id for picture_id, _, _ in rows], dtype=object)
        versions, codes = _columns(rows, bits)
        parts = {}
        for version in np.unique(versions).tolist():
            members = np.flatnonzero(versions == version)
            parts[version] = Part(members, make(version, codes[members]))
        return cls(sequence, picture_ids, parts)

    def search(
        self, trapdoors: Mapping[int, NDArray[np.uint8]], k: int
    ) -> tuple[NDArray[np.object_], NDArray[np.int32]]:
        """Find the k nearest pictures of each query.

        Args:
            trapdoors: (Q, bits) in {0, 1} for each key version.
            k: answers a query, at least 1.

        Returns:
            ids (Q, min(k, N)) and distances (Q, min(k, N)), ordered by (distance, id).

        Raises:
            StaleTrapdoorError: when there is no trapdoor for a version that pictures are under.
        """
        missing = self.parts.keys() - trapdoors.keys()
        if missing:
            raise StaleTrapdoorError(f"no trapdoor for key version {min(missing)}; ask again")
        queries = len(next(iter(trapdoors.values()), ()))
        found_rows, found_distances = [], []
        for version, part in self.parts.items():
            rows, distances = part.index.search(trapdoors[version], k)
            found_rows.append(part.rows[rows])
            found_distances.append(distances)
        if not found_rows:  # an empty store
            return np.empty((queries, 0), dtype=object), np.empty((queries, 0), dtype=np.int32)
        all_rows, all_distances = np.hstack(found_rows), np.hstack(found_distances)
        if len(self.parts) > 1:  # rows ascend with ids
            order = np.lexsort((all_rows, all_distances), axis=1)[:, :k]
            all_rows = np.take_along_axis(all_rows, order, axis=1)
            all_distances = np.take_along_axis(all_distances, order, axis=1)
        return self.picture_ids[all_rows], all_distances

    def recall(self, sample: Sequence[Row], bits: int, k: int) -> float:
        """Return the share of the right answers that `search` finds: 1 with an exact engine.

        Args:
            sample: rows of some pictures, whose codes are the queries.
            bits: code length.
            k: answers a query, at least 1.
        """
        by_version, codes = _columns(sample, bits)
        shares = [
            part.index.recall(codes[by_version == version], k)
            if isinstance(part.index, IVFIndex)
            else 1.0
            for version, part in self.parts.items()
        ]
        return float(np.mean(shares)) if shares else 1.0


def _columns(rows: Sequence[Row], bits: int) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Key versions (N,) and codes (N, bits)."""
    versions = np.array([version for _, version, _ in rows], dtype=np.int64)
    packed = np.frombuffer(b"".join(code for _, _, code in rows), dtype=np.uint8)
    return versions, unpack(packed.reshape(len(rows), packed_bytes(bits)), bits)
