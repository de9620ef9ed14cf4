"""Hash lookup: everything within a Hamming radius of a query, its ball, is an answer."""

from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from dlheir.retrieval.histograms import DistanceHistograms


class Lookup(TypedDict):
    """What balls of one radius hold, means over the queries in [0, 1]."""

    precision: float
    recall: float
    empty: float


class Curve(TypedDict):
    """Precision and recall within each radius 0..bits, means over the queries in [0, 1]."""

    precision: list[float]
    recall: list[float]


def lookup(histograms: DistanceHistograms, radius: int = 2) -> Lookup:
    """Precision and recall within a Hamming radius, and how many queries find nothing there.

    A query whose ball is empty counts 0 in the precision: so Liu et al., "Supervised hashing with
    kernels" (CVPR 2012), HashNet and those after them count a failed lookup, since otherwise codes
    gain by leaving balls empty. `empty` is the share of such queries, so that
    precision / (1 - empty) is the mean over the others.

    Args:
        histograms: see `DistanceHistograms`.
        radius: at least 0; one beyond the code length holds the whole database.

    Returns:
        `precision` and `empty` over all queries; `recall` over those that have a relevant picture
        in the database, 0 if none has.
    """
    here = min(radius, histograms.total.shape[1] - 1)
    curve = precision_recall(histograms)
    empty = histograms.total[:, : here + 1].sum(axis=1) == 0
    return {
        "precision": curve["precision"][here],
        "recall": curve["recall"][here],
        "empty": float(empty.mean()),
    }


def precision_recall(histograms: DistanceHistograms) -> Curve:
    """Precision over recall as the Hamming radius grows from 0 to the code length.

    Empty balls count 0 in the precision here too, so that the curve at radius 2 is what `lookup`
    says. The `pr_curve` that many repositories copy differs: at each radius it averages, precision
    and recall alike, over the queries alone that found something relevant, which lifts the
    curve's beginning the more, the more lookups fail.

    Args:
        histograms: see `DistanceHistograms`.

    Returns:
        bits + 1 values each, by radius; `recall` is over the queries that have a relevant picture
        in the database, and 0 if none has.
    """
    total, relevant = (counts.cumsum(axis=1) for counts in histograms)
    findable = relevant[:, -1] > 0
    recall = relevant[findable] / relevant[findable, -1:]
    return {
        "precision": _means(relevant / np.maximum(total, 1)),
        "recall": _means(recall) if len(recall) else [0.0] * total.shape[1],
    }


def _means(shares: NDArray[np.float64]) -> list[float]:
    return [float(mean) for mean in shares.mean(axis=0)]
