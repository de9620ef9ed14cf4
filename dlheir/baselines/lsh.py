"""Pre-filter tables: near vectors share a bucket in one of several tables, whose names are hidden.

Source: Datar, Immorlica, Indyk and Mirrokni, "Locality-sensitive hashing scheme based on p-stable
distributions" (SCG 2004). The server sees which vectors share a bucket, and which buckets a query
falls into, but neither their places in space nor, without the key, any other query's.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Names of the buckets that a vector falls into, one a table.
Buckets = tuple[bytes, ...]

_KEY_BYTES = 32
_NAME_BYTES = 16


@dataclass(frozen=True)
class BucketKey:
    """The secret hash functions of several tables: floor((a.v + b) / w), several joined per table.

    Attributes:
        directions: (d, tables * hashes) a, normally distributed.
        offsets: (tables * hashes,) b, in [0, w).
        width: w.
        tables: Number of tables.
        secret: Key of the HMAC-SHA-256 that hides a bucket's name.
    """

    directions: NDArray[np.float64]
    offsets: NDArray[np.float64]
    width: float
    tables: int
    secret: bytes

    @staticmethod
    def draw(
        dimensions: int, tables: int, hashes: int, width: float, random: np.random.Generator
    ) -> "BucketKey":
        """Draw hash functions.

        Args:
            dimensions: d of the vectors.
            tables: Number of tables, at least 1; more find more.
            hashes: Functions joined in a table, at least 1; more leave fewer vectors in a bucket.
            width: w > 0, in units of the vectors.
            random: The source of randomness.
        """
        functions = tables * hashes
        return BucketKey(
            directions=random.standard_normal((dimensions, functions)),
            offsets=random.uniform(0, width, functions),
            width=width,
            tables=tables,
            secret=random.bytes(_KEY_BYTES),
        )

    def buckets(self, vectors: NDArray[np.float64]) -> list[Buckets]:
        """Name the buckets of each of the vectors (N, d)."""
        cells = np.floor((vectors @ self.directions + self.offsets) / self.width)
        of_table = cells.astype("<i8").reshape(len(vectors), self.tables, -1)
        return [
            tuple(self._name(table, cell.tobytes()) for table, cell in enumerate(of_vector))
            for of_vector in of_table
        ]

    def _name(self, table: int, cell: bytes) -> bytes:
        return hmac.digest(self.secret, table.to_bytes(4) + cell, "sha256")[:_NAME_BYTES]


class BucketTables:
    """The tables as the server holds them: from hidden names to rows."""

    def __init__(self, buckets: Sequence[Buckets]) -> None:
        """File each row under its names.

        Args:
            buckets: Of each row, from `BucketKey.buckets`.
        """
        filed: dict[bytes, list[int]] = {}
        for row, names in enumerate(buckets):
            for name in names:
                filed.setdefault(name, []).append(row)
        self._count = len(buckets)
        self._rows = {name: np.array(rows, np.int64) for name, rows in filed.items()}

    def candidates(self, buckets: Buckets) -> NDArray[np.int64]:
        """Return the rows, ascending, that share a bucket with the query."""
        shares = np.zeros(self._count, bool)
        for name in buckets:
            if name in self._rows:
                shares[self._rows[name]] = True
        return np.flatnonzero(shares)
