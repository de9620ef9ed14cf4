"""Mean average precision: over all orders of ties, and by the convention of the field."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dlheir.retrieval.histograms import DistanceHistograms
from dlheir.retrieval.pairs import LabelledCodes
from dlheir.retrieval.rankings import each_ranking

DEPTHS = (100, 1000, 5000)
WHOLE = "all"


def mean_average_precision(
    codes: LabelledCodes, depths: Sequence[int] = DEPTHS
) -> dict[str, float]:
    """Mean average precision as the deep hashing field reports it, mAP@k.

    It is what `CalcTopMap` computes, which HashNet's and DeepHash-pytorch's evaluations and most
    after them share. Only the first k of a ranking count; with rel(i) = 1 where its i-th picture
    is relevant, a query's average precision is

        sum_{i=1..k} rel(i) * (rel(1) + ... + rel(i)) / i  /  (rel(1) + ... + rel(k)),

    0 where none of the first k is relevant, and the mean is over all queries. `expected_map`
    differs in three ways: it looks at the whole ranking, divides by all relevant pictures of the
    database, and is the mean over all orders of ties, while here ties stand in one order, that of
    the rows. As mAP@k is divided by what was found, a ranking can gain by finding less: one
    relevant picture, in the first place, counts 1.

    Args:
        codes: queries and database; ties rank by the row of the database.
        depths: values of k; those that are not below the size of the database are left out.

    Returns:
        For each k under str(k), and for the whole ranking under "all", a number in [0, 1].
    """
    reached = [*(depth for depth in depths if depth < codes.database), codes.database]
    found = np.empty((codes.queries, len(reached)))

    def average(queries: slice, ranked: NDArray[np.bool_]) -> None:
        found[queries] = _average_precisions(ranked, reached)

    each_ranking(codes, codes.database, average)
    names = [*map(str, reached[:-1]), WHOLE]
    return dict(zip(names, map(float, found.mean(axis=0)), strict=True))


def expected_map(histograms: DistanceHistograms) -> float:
    """Average precision over the whole ranking, its mean over the queries and all orders of ties.

    A group of n ties with r relevant pictures, behind N pictures of which R are relevant, adds

        sum_{i=1..n} r/n * (R + 1 + (i - 1) (r - 1)/(n - 1)) / (N + i)

    to a query's sum of precisions, which is divided by the relevant pictures in the database. With
    H = sum_{i=1..n} 1/(N + i) that is r/n * ((R + 1) H + (r - 1)/(n - 1) * (n - (N + 1) H)).

    Args:
        histograms: see `DistanceHistograms`.

    Returns:
        A number in [0, 1], over the queries that have a relevant picture; 0 if none has.
    """
    found = histograms.relevant.sum(axis=1)
    total, relevant = histograms.total[found > 0], histograms.relevant[found > 0]
    if len(total) == 0:
        return 0.0
    end, relevant_end = total.cumsum(axis=1), relevant.cumsum(axis=1)
    before, relevant_before = end - total, relevant_end - relevant

    harmonic = np.concatenate(([0.0], np.cumsum(1.0 / np.arange(1, end.max() + 1))))
    inverses = harmonic[end] - harmonic[before]  # H, 0 for an empty group
    first = (relevant_before + 1) * inverses
    others = (relevant - 1) / np.maximum(total - 1, 1) * (total - (before + 1) * inverses)
    precisions = relevant / np.maximum(total, 1) * (first + others)
    mean = (precisions.sum(axis=1) / found[found > 0]).mean()
    return min(float(mean), 1.0)  # of perfect codes, rounding makes more


def _average_precisions(ranked: NDArray[np.bool_], depths: Sequence[int]) -> NDArray[np.float64]:
    """Average precisions of some rankings, (q, N), at each depth: (q, depths); the last is N."""
    queries, database = ranked.shape
    hits = np.flatnonzero(ranked)  # query after query, first places first
    query, places = np.divmod(hits, database)
    firsts = database * np.arange(queries)[:, None]
    # Hits of the queries before, then up to each depth as well.
    ends = np.searchsorted(hits, firsts + np.array([0, *depths]))
    so_far = np.arange(1, len(hits) + 1) - ends[:, 0].take(query)
    precisions = np.zeros(len(hits) + 1)  # the last is of no hit: a group may begin there
    np.divide(so_far, places + 1, out=precisions[:-1])

    between = np.diff(ends)  # hits from one depth to the next
    sums = np.add.reduceat(precisions, ends[:, :-1].ravel()).reshape(between.shape)
    sums[between == 0] = 0.0  # there `reduceat` gives the next group's first
    found = np.maximum(between.cumsum(axis=1), 1)
    averages: NDArray[np.float64] = sums.cumsum(axis=1) / found
    return averages
