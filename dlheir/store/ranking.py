"""The server's index: a cache of its code table, stamped with the sequence number it was built at.

Codes under different key versions cannot be compared, so there is one engine per version, and the
answers are merged by (distance, id).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dlheir.retrieval import EmbeddedIndex, build_index, unpack
from dlheir.store.errors import StaleTrapdoorError


@dataclass(frozen=True)
class Part:
    """The pictures of one key version.

    Attributes:
        rows: (n,) their rows among all pictures, ascending.
        index: their codes.
    """

    rows: NDArray[np.int64]
    index: EmbeddedIndex


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
        cls, sequence: int, rows: Sequence[tuple[bytes, int, bytes]], bits: int, engine: str
    ) -> "Ranking":
        """Build the index.

        Args:
            sequence: stamp.
            rows: (picture id, key version, packed code) in the order of ids.
            bits: code length.
            engine: name of a search engine; while keys are rotated, and no version has all
                pictures, "ivf" gives way to an exact one.
        """
        picture_ids = np.array([picture_id for picture_id, _, _ in rows], dtype=object)
        versions = np.array([version for _, version, _ in rows], dtype=np.int64)
        packed = np.frombuffer(b"".join(code for _, _, code in rows), dtype=np.uint8)
        codes = unpack(packed.reshape(len(rows), -1), bits) if rows else np.empty((0, bits))
        live = np.unique(versions)
        chosen = "auto" if engine == "ivf" and len(live) > 1 else engine
        parts = {}
        for version in live:
            members = np.flatnonzero(versions == version)
            parts[int(version)] = Part(members, build_index(codes[members], chosen))
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
