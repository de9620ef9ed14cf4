"""Secure kNN: vectors hidden from the server, which can still order them by distance.

Source: Wong, Cheung, Kao and Mamoulis, "Secure kNN computation on encrypted databases" (SIGMOD
2009), the scheme with splitting. What it hides, it hides from a server that knows no plain vectors
alone; `secure_knn_attack` shows what d + 1 known ones give away.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dlheir.baselines.system import Answers

# Rounding of float64 moves a score by less than this share of the product of the norms; scores
# that are closer count as equal.
ROUNDING = 1e-12
# Copying so small a share of the vectors together costs less than scoring all where they lie.
_FEW = 8


class VectorIndex:
    """Protected vectors as the server holds them.

    Attributes:
        vectors: (N, 2 (d + 1)).
    """

    def __init__(self, vectors: NDArray[np.float64]) -> None:
        """Take what `SecureKNN.protect` returned."""
        self.vectors = vectors
        self._largest = float(np.linalg.norm(vectors, axis=1).max(initial=0))

    def scores(self, trapdoor: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what the server computes for one query: (N,); nearer vectors have smaller scores.

        It is r (|f|^2 - 2 f.q), in the key's unit, with the trapdoor's secret r > 0.
        """
        return self.vectors @ trapdoor

    def search(
        self, trapdoor: NDArray[np.float64], k: int, rows: NDArray[np.int64] | None = None
    ) -> Answers:
        """Find the k nearest vectors of one query.

        Vectors at equal distances have scores that differ by rounding, which would order them at
        random. So scores are sorted, cut where neighbours differ by more than rounding can make
        them, and all within a piece get its smallest score and the order of their rows.

        Args:
            trapdoor: (2 (d + 1),).
            k: At least 1.
            rows: What to search, ascending; by default everything.

        Returns:
            Rows and scores (min(k, searched),).
        """
        if rows is None:
            rows = np.arange(len(self.vectors))
        if _FEW * len(rows) < len(self.vectors):
            scores = self.vectors[rows] @ trapdoor
        else:
            scores = self.scores(trapdoor)[rows]
        rounding = ROUNDING * self._largest * float(np.linalg.norm(trapdoor))
        if k < len(rows):
            # The k-th may be one of several equal ones; these are the farthest that matter.
            near = np.flatnonzero(scores <= np.partition(scores, k - 1)[k - 1] + rounding)
            rows, scores = rows[near], scores[near]
        order = np.argsort(scores, kind="stable")
        ascending = scores[order]
        starts = np.flatnonzero(np.diff(ascending, prepend=-np.inf) > rounding)
        piece = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(scores)))
        order = order[np.lexsort((order, piece))][:k]
        return rows[order].astype(np.int64), ascending[starts][piece[:k]]


@dataclass(frozen=True)
class SecureKNN:
    """The secret key of vectors of `d` dimensions: owner and users hold it, the server does not.

    A vector f becomes p = (f, |f|^2), a query q becomes r (-2 q, 1) with a fresh random r > 0, so
    that p.q = r (|f - q|^2 - |q|^2) orders as distances do. A secret bit for each dimension says
    which of the two is split there into two random shares; the other is copied. The two halves of
    p are multiplied by two secret matrices, those of q by their inverses.

    Attributes:
        unit: Vectors are divided by it, which keeps |f|^2 from drowning the rest in rounding; a
            norm that few of them exceed.
        split: (d + 1,) bool: where vectors are split; elsewhere queries are.
        matrices: (2, d + 1, d + 1); condition numbers are at most 4.
        inverses: (2, d + 1, d + 1).
    """

    unit: float
    split: NDArray[np.bool_]
    matrices: NDArray[np.float64]
    inverses: NDArray[np.float64]

    @staticmethod
    def draw(dimensions: int, unit: float, random: np.random.Generator) -> "SecureKNN":
        """Draw a key.

        Args:
            dimensions: d, at least 1.
            unit: About the largest norm of a vector; positive.
            random: The source of randomness.
        """
        size = dimensions + 1
        pairs = [_matrix_and_inverse(size, random) for _ in range(2)]
        matrices, inverses = (np.stack(list(part)) for part in zip(*pairs, strict=True))
        return SecureKNN(unit, random.integers(0, 2, size).astype(bool), matrices, inverses)

    def protect(
        self, vectors: NDArray[np.float64], random: np.random.Generator
    ) -> NDArray[np.float64]:
        """Protect vectors (N, d) for the server: (N, 2 (d + 1))."""
        scaled = np.asarray(vectors, np.float64) / self.unit
        extended = np.column_stack([scaled, (scaled**2).sum(axis=1)])
        return self._hide(extended, self.split, self.matrices, random)

    def trapdoors(
        self, queries: NDArray[np.float64], random: np.random.Generator
    ) -> NDArray[np.float64]:
        """Protect queries (Q, d): (Q, 2 (d + 1)); never twice the same."""
        scaled = np.asarray(queries, np.float64) / self.unit
        extended = np.column_stack([-2 * scaled, np.ones(len(scaled))])
        extended *= random.uniform(0.5, 2.0, (len(scaled), 1))
        # vectors @ matrix meets trapdoors @ inverse.T in the same inner product.
        return self._hide(extended, ~self.split, self.inverses.transpose(0, 2, 1), random)

    def _hide(
        self,
        extended: NDArray[np.float64],
        split: NDArray[np.bool_],
        matrices: NDArray[np.float64],
        random: np.random.Generator,
    ) -> NDArray[np.float64]:
        """Split (N, d + 1) where `split` says so and multiply each half by its matrix."""
        shares = np.where(split, random.standard_normal(extended.shape), extended)
        others = np.where(split, extended - shares, extended)
        return np.concatenate([shares @ matrices[0], others @ matrices[1]], axis=1)


def _matrix_and_inverse(
    size: int, random: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw an invertible matrix: a rotation, scaling by 0.5 to 2 per axis, another rotation."""
    before, after = (np.linalg.qr(random.standard_normal((size, size)))[0] for _ in range(2))
    scale = random.uniform(0.5, 2.0, size)
    return (before * scale) @ after, (after.T / scale) @ before.T
