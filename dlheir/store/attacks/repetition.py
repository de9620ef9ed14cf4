"""Repetition pattern: the same query asked again looks the same again."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Repetition:
    """How well pairs of requests for the same query are linked.

    Attributes:
        linked: share of the true pairs that the server links, in [0, 1].
        right: share of the linked pairs that are true.
        chance: share of all pairs that are true: what linking blindly would get right.
    """

    linked: float
    right: float
    chance: float


def repetition_attack(observed: ArrayLike, queries: ArrayLike) -> Repetition:
    """Link requests that ask with the same query picture.

    * The attacker is the server, or reads its log: of each request it has what was asked (the
      trapdoor: `plain`, `keyed`) or what was fetched (every mode; all there is in `client`).
    * They want to know which requests are for the same picture: how popular it is, and who shares
      an interest with whom.
    * It works in every mode: trapdoors and answers of a query are the same each time. Only a new
      key version or a changed database breaks the link.

    Requests are linked when what was observed is equal. Different pictures with equal codes are
    linked too: those links are wrong.

    Args:
        observed: (T, width) integers, T >= 2; one row a request. Fetched pictures in any fixed
            order, such as sorted.
        queries: (T,) the query picture behind each request, the truth.
    """
    _, seen = np.unique(np.asarray(observed), axis=0, return_inverse=True)
    _, asked = np.unique(np.asarray(queries), return_inverse=True)
    both = np.unique(np.stack([seen, asked]), axis=1, return_counts=True)[1]
    linked, true = _pairs(np.bincount(seen)), _pairs(np.bincount(asked))
    right, every = _pairs(both), _pairs(np.array([len(asked)]))
    return Repetition(_share(right, true), _share(right, linked), _share(true, every))


def _pairs(counts: np.ndarray) -> int:
    """Count the pairs within groups of these sizes."""
    return int((counts * (counts - 1) // 2).sum())


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
