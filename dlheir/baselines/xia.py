"""Colour descriptors of MPEG-7 behind secure kNN: what the paper calls Xia (SCD) and Xia (CSD)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dlheir.baselines.lsh import BucketKey, Buckets, BucketTables
from dlheir.baselines.mpeg7 import colour_structure, scalable_colour
from dlheir.baselines.mpeg7.colour_structure import check_bins
from dlheir.baselines.mpeg7.colour_structure import largest_norm as largest_structure
from dlheir.baselines.mpeg7.scalable_colour import check_coefficients
from dlheir.baselines.mpeg7.scalable_colour import largest_norm as largest_scalable
from dlheir.baselines.pictures import per_picture
from dlheir.baselines.registry import register_system
from dlheir.baselines.secure_knn import SecureKNN, VectorIndex
from dlheir.baselines.system import NO_ANSWER, Answers, Features, ServerIndex, System
from dlheir.errors import InputError

_PREPARED = 500  # pictures whose distances tell how wide a bucket is


@dataclass(frozen=True)
class XiaTrapdoors:
    """What a user sends for Q queries.

    Attributes:
        vectors: (Q, 2 (d + 1)) protected by secure kNN.
        buckets: Names of each query's buckets; null without a pre-filter.
    """

    vectors: NDArray[np.float64]
    buckets: list[Buckets] | None


class XiaIndex(ServerIndex[XiaTrapdoors]):
    """What the server holds.

    Attributes:
        vectors: Protected descriptors.
        tables: Pre-filter tables, or null.
    """

    def __init__(self, vectors: VectorIndex, tables: BucketTables | None) -> None:
        """Take what the owner uploads."""
        self.vectors = vectors
        self.tables = tables

    def __len__(self) -> int:
        return len(self.vectors.vectors)

    def search(self, trapdoors: XiaTrapdoors, k: int) -> Answers:
        """Rank what shares a bucket with the query, or everything; see `ServerIndex`."""
        if k < 1:
            raise InputError(f"k: {k}, expected at least 1")
        shape = len(trapdoors.vectors), min(k, len(self))
        rows = np.full(shape, NO_ANSWER, np.int64)
        scores = np.full(shape, np.inf)
        for query, trapdoor in enumerate(trapdoors.vectors):
            searched = None
            if self.tables is not None and trapdoors.buckets is not None:
                searched = self.tables.candidates(trapdoors.buckets[query])
            found, their_scores = self.vectors.search(trapdoor, k, searched)
            rows[query, : len(found)] = found
            scores[query, : len(found)] = their_scores
        return rows, scores


class XiaSystem(System[XiaTrapdoors]):
    """A descriptor, protected by secure kNN, with pre-filter tables of locality-sensitive hashes.

    Ranking among the pictures that the pre-filter leaves is that of plain Euclidean distances,
    equal ones by row.

    Source: Xia, Wang, Zhang, Qin, Sun and Ren, "A privacy-preserving and copy-deterrence
    content-based image retrieval scheme in cloud computing" (IEEE Trans. Information Forensics and
    Security 11(11), 2016). It has descriptors of MPEG-7, LSH pre-filter tables and secure kNN;
    their sizes here are ours: 16 tables of 6 hashes, 2 medians wide, chosen without labels, by how
    many of a query's nearest pictures they leave. What share of all they leave stands in README.md.

    Deviations: MPEG-7 compares both descriptors by L1, secure kNN by Euclidean distances. The
    watermarks that trace illegal copies are left out: they are no part of the search. Keys come
    from numpy's generator, which is good enough to measure with and not for secrets.
    """

    def __init__(
        self, dimensions: int, unit: float, tables: int, hashes: int, width: float, seed: int | None
    ) -> None:
        """Draw the keys.

        Args:
            dimensions: Of the descriptor.
            unit: The largest norm that a descriptor can have.
            tables: Number of pre-filter tables; 0 ranks all pictures.
            hashes: Hash functions of a table.
            width: Of a hash function's cells, in median distances between pictures.
            seed: See `System`.

        Raises:
            InputError: A number is too small.
        """
        super().__init__(seed=seed)
        for name, value, least in (("tables", tables, 0), ("hashes", hashes, 1)):
            if value < least:
                raise InputError(f"{name}: {value}, expected at least {least}")
        if not width > 0:
            raise InputError(f"width: {width}, expected more than 0")
        self._unit, self._tables, self._hashes, self._width = unit, tables, hashes, width
        self._dimensions = dimensions
        self._key = SecureKNN.draw(dimensions, unit, self._random)
        self._bucket_key: BucketKey | None = None

    def prepare(self, pictures: Sequence[Path]) -> None:
        """Fit the pre-filter's cells to the median distance between pictures; labels do not matter.

        Args:
            pictures: The owner's own; up to 500 of them, evenly spaced, are looked at.
        """
        if not self._tables:
            return
        step = -(-len(pictures) // _PREPARED)
        vectors = self.features(pictures[::step]).astype(np.float64)
        squares = (vectors**2).sum(axis=1)
        distances = np.sqrt(np.maximum(squares[:, None] + squares - 2 * vectors @ vectors.T, 0))
        apart = distances[distances > 0]
        median = float(np.median(apart)) if len(apart) else self._unit
        self._bucket_key = BucketKey.draw(
            self._dimensions, self._tables, self._hashes, self._width * median, self._random
        )

    def index(self, features: Features) -> XiaIndex:
        """Protect the descriptors (N, d) and file them in the pre-filter tables."""
        buckets = self._buckets(features)
        vectors = VectorIndex(self._key.protect(features, self._random))
        return XiaIndex(vectors, None if buckets is None else BucketTables(buckets))

    def trapdoors(self, features: Features) -> XiaTrapdoors:
        """Protect the descriptors (Q, d) of queries and name their buckets."""
        vectors = self._key.trapdoors(features, self._random)
        return XiaTrapdoors(vectors, self._buckets(features))

    def _buckets(self, features: Features) -> list[Buckets] | None:
        if not self._tables:
            return None
        if self._bucket_key is None:
            raise InputError(f"{self.name}: call prepare() first; it fits the pre-filter's tables")
        return self._bucket_key.buckets(features)


@register_system("xia_csd")
class XiaCSD(XiaSystem):
    """Xia et al. with colour structure.

    Args:
        bins: Of the descriptor: 32, 64, 128 or 256.
        tables: Number of pre-filter tables; 0 ranks all pictures.
        hashes: Hash functions of a table.
        width: Of a hash function's cells, in median distances between pictures.
        seed: See `System`.
    """

    title = "Xia (CSD)"

    def __init__(
        self,
        *,
        bins: int = 64,
        tables: int = 16,
        hashes: int = 6,
        width: float = 2.0,
        seed: int | None = None,
    ) -> None:
        check_bins(bins)
        self._bins = bins
        super().__init__(bins, largest_structure(bins), tables, hashes, width, seed)

    def features(self, pictures: Sequence[Path]) -> Features:
        """Extract colour structure: (N, bins) uint8."""
        return per_picture(partial(colour_structure, bins=self._bins), pictures, "Extracting CSD")


@register_system("xia_scd")
class XiaSCD(XiaSystem):
    """Xia et al. with scalable colour.

    Args:
        coefficients: Of the descriptor: 16, 32, 64, 128 or 256.
        tables: Number of pre-filter tables; 0 ranks all pictures.
        hashes: Hash functions of a table.
        width: Of a hash function's cells, in median distances between pictures.
        seed: See `System`.
    """

    title = "Xia (SCD)"

    def __init__(
        self,
        *,
        coefficients: int = 64,
        tables: int = 16,
        hashes: int = 6,
        width: float = 2.0,
        seed: int | None = None,
    ) -> None:
        check_coefficients(coefficients)
        self._coefficients = coefficients
        super().__init__(coefficients, largest_scalable(coefficients), tables, hashes, width, seed)

    def features(self, pictures: Sequence[Path]) -> Features:
        """Extract scalable colour: (N, coefficients) int16."""
        extract = partial(scalable_colour, coefficients=self._coefficients)
        return per_picture(extract, pictures, "Extracting SCD")
