"""Co-fetching: pictures that are fetched together are alike."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class CoFetching:
    """How well "fetched together" tells "of one class", over pairs of fetched pictures.

    Attributes:
        precision: share of the pairs fetched together that are of one class, in [0, 1].
        recall: share of the pairs of one class that are fetched together.
        chance: share of all pairs that are of one class: the precision of blind pairing.
    """

    precision: float
    recall: float
    chance: float


def co_fetching_attack(fetched: ArrayLike, labels: ArrayLike) -> CoFetching:
    """Group stored pictures by who is fetched together with whom.

    * The attacker is the server, or reads its log; they know nothing beforehand.
    * They want to know which stored pictures are alike: how many kinds there are and how many of
      each.
    * It works in every mode. In `plain` and `keyed` mode distances between stored codes say it
      already; in `client` mode fetches are all that says it.

    The more is fetched, the more is seen: pictures never fetched are not counted.

    Args:
        fetched: (T, k) different picture numbers a row, T >= 1, k >= 2.
        labels: (N,) integers, the class of each picture, the truth.
    """
    requests, classes = np.asarray(fetched), np.asarray(labels)
    first, second = np.triu_indices(requests.shape[1], k=1)
    pairs = np.sort(np.stack([requests[:, first].ravel(), requests[:, second].ravel()]), axis=0)
    together = np.unique(pairs[0].astype(np.int64) * len(classes) + pairs[1])
    alike = np.count_nonzero(classes[together // len(classes)] == classes[together % len(classes)])

    seen = np.unique(requests)
    sizes = np.unique(classes[seen], return_counts=True)[1]
    alike_in_all = int((sizes * (sizes - 1) // 2).sum())
    all_pairs = len(seen) * (len(seen) - 1) // 2
    return CoFetching(
        float(alike / len(together)),
        float(alike / alike_in_all) if alike_in_all else 0.0,
        float(alike_in_all / all_pairs),
    )
