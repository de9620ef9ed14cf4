"""How good a ranking is: precision@k as served, and what it is worth over all orders of ties.

Codes are short, so many pictures tie. Expectations over all orders of ties have closed forms that
need no ranking, only each query's histogram of distances (McSherry & Najork, "Computing
information retrieval performance measures efficiently in the presence of tied scores", ECIR 2008).
"""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import ArrayLike

from dlheir.errors import InputError
from dlheir.retrieval.average_precision import expected_map, mean_average_precision
from dlheir.retrieval.balls import Curve, Lookup, lookup, precision_recall
from dlheir.retrieval.histograms import DistanceHistograms, histograms_of
from dlheir.retrieval.pairs import LabelledCodes
from dlheir.retrieval.rankings import ranked_relevance


class Evaluation(TypedDict):
    """What `results.json` holds of precision; every number in [0, 1]."""

    precision: dict[str, float]
    expected_precision: dict[str, float]
    precision_ceiling: dict[str, float]
    expected_map: float
    map: dict[str, float]
    hamming_radius_2: Lookup
    precision_recall: Curve


def evaluate(
    query_codes: ArrayLike,
    query_labels: ArrayLike,
    database_codes: ArrayLike,
    database_labels: ArrayLike,
    ks: Sequence[int] = (20, 40, 60, 80, 100),
) -> Evaluation:
    """Rank the database for each query and measure how many answers show the query's class.

    * `precision`: k'/k (the paper, section 4), k' the relevant among the first k in the order
      (distance, row); never divided by min(k, relevant).
    * `expected_precision`: its mean over all orders of ties.
    * `precision_ceiling`: what a perfect ranking reaches, see `precision_ceiling`.
    * `expected_map`: mean average precision over all orders of ties, see `expected_map`.
    * `map`: mAP@k by the field's convention, in the order (distance, row), for k of 100, 1,000 and
      5,000 where the database holds more, and for the whole ranking ("all"), see
      `mean_average_precision`.
    * `hamming_radius_2`: precision, recall and the share of empty balls, see `lookup`.
    * `precision_recall`: both by Hamming radius, see `precision_recall`.

    Queries with no relevant picture count 0 in all precisions and in `map`, and are left out of
    `expected_map` and of recall.

    Args:
        query_codes: (Q, bits) in {0, 1}, Q >= 1.
        query_labels: (Q,) integers.
        database_codes: (N, bits) in {0, 1}, N >= 1.
        database_labels: (N,) integers.
        ks: numbers of answers, each at least 1; the keys of the first three.

    Raises:
        InputError: on anything else.
    """
    _check_ks(ks)
    codes = LabelledCodes(query_codes, query_labels, database_codes, database_labels)
    histograms = histograms_of(codes)
    return {
        "precision": served_precision(ranked_relevance(codes, max(ks)), ks),
        "expected_precision": expected_precision(histograms, ks),
        "precision_ceiling": precision_ceiling(histograms, ks),
        "expected_map": expected_map(histograms),
        "map": mean_average_precision(codes),
        "hamming_radius_2": lookup(histograms),
        "precision_recall": precision_recall(histograms),
    }


def served_precision(relevant_ranked: ArrayLike, ks: Sequence[int]) -> dict[str, float]:
    """Average k'/k over the queries, for one order of the answers.

    Args:
        relevant_ranked: (Q, answers) bool, whether the answer in that place is relevant; with
            fewer answers than k (the database holds no more) the missing ones count 0.
        ks: numbers of answers, each at least 1.

    Returns:
        For each k, under str(k), a number in [0, 1].

    Raises:
        InputError: on another shape, no query, or ks that are no positive integers.
    """
    _check_ks(ks)
    ranked = np.asarray(relevant_ranked, dtype=bool)
    if ranked.ndim != 2 or len(ranked) == 0:
        raise InputError(f"relevant_ranked: shape {ranked.shape}, expected (Q, answers), Q >= 1")
    return {str(k): float(ranked[:, :k].sum(axis=1).mean() / k) for k in ks}


def expected_precision(histograms: DistanceHistograms, ks: Sequence[int]) -> dict[str, float]:
    """Average k'/k over the queries and over all orders of ties.

    Groups of ties that lie wholly within the first k count in full; of the group that k cuts
    through, each picture is among the first k with the same probability.

    Args:
        histograms: see `DistanceHistograms`.
        ks: numbers of answers, each at least 1.

    Returns:
        For each k, under str(k), a number in [0, 1].

    Raises:
        InputError: on ks that are no positive integers.
    """
    _check_ks(ks)
    total, relevant = histograms
    before = total.cumsum(axis=1) - total
    group = np.maximum(total, 1)  # an empty group has no relevant picture either

    def at(k: int) -> float:
        share = np.clip((k - before) / group, 0.0, 1.0)
        return float((relevant * share).sum(axis=1).mean() / k)

    return {str(k): at(k) for k in ks}


def precision_ceiling(histograms: DistanceHistograms, ks: Sequence[int]) -> dict[str, float]:
    """Average min(k, relevant in the database) / k over the queries: no ranking does better.

    Args:
        histograms: see `DistanceHistograms`.
        ks: numbers of answers, each at least 1.

    Returns:
        For each k, under str(k), a number in [0, 1].

    Raises:
        InputError: on ks that are no positive integers.
    """
    _check_ks(ks)
    relevant = histograms.relevant.sum(axis=1)
    return {str(k): float(np.minimum(relevant, k).mean() / k) for k in ks}


def _check_ks(ks: Sequence[int]) -> None:
    if len(ks) == 0 or any(int(k) != k or k < 1 for k in ks):
        raise InputError(f"ks: {ks}, expected at least one positive integer")
