"""What a server of secure kNN learns when it knows d + 1 of the plain vectors: all others.

Source: Yao, Li and Xiao, "Secure nearest neighbor revisited" (ICDE 2013), and Lin, Wang, Yan and
Wang, "Revisiting security risks of asymmetric scalar product preserving encryption and its
variants" (ICDCS 2017). Splitting and secret matrices do not matter: they leave the inner product
p.q = r (|f|^2 - 2 f.q) as it is, and that is linear in what is not known.
"""

import numpy as np
from numpy.typing import NDArray


def recover_queries(known: NDArray[np.float64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve for queries from the scores of vectors that the attacker knows.

    Args:
        known: d + 1 or more plain vectors (K, d), in general position.
        scores: Of Q queries for them (Q, K), as the server computes them.

    Returns:
        Extended queries (Q, d + 1): r (-2 q, 1) in the key's unit; q is -x[:d] / (2 x[d]).
    """
    extended = np.column_stack([known, (known.astype(np.float64) ** 2).sum(axis=1)])
    return _solve(extended, scores.T).T


def recover_vectors(
    queries: NDArray[np.float64], scores: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Solve for vectors that the attacker does not know, from the scores of recovered queries.

    Args:
        queries: d + 1 or more extended queries (Q, d + 1) from `recover_queries`, in general
            position.
        scores: For N unknown vectors (Q, N), as the server computes them.

    Returns:
        Plain vectors (N, d).
    """
    return _solve(queries, scores).T[:, :-1]


def _solve(rows: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve rows @ x = values in the least squares, columns scaled against rounding."""
    scale = np.linalg.norm(rows, axis=0)
    scale[scale == 0] = 1
    solution: NDArray[np.float64] = np.linalg.lstsq(rows / scale, values, rcond=None)[0]
    solution /= scale[:, None]
    return solution
