"""Mean average precision: over all orders of ties, and by the convention of the field."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dlheir.retrieval.histograms import DistanceHistograms
from dlheir.retrieval.pairs import LabelledCodes, Pairs

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

    def rank(pairs: Pairs) -> None:
        # Of distances of at most 16 bits, a stable sort is a radix sort.
        order = np.argsort(pairs.distances, axis=1, kind="stable")
        order += codes.database * np.arange(len(order))[:, None]
        found[pairs.queries] = _average_precisions(pairs.relevant.ravel().take(order), reached)

    codes.each(rank)
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
    firsts = database * np.arange(queries)[:, None]
    ends = np.searchsorted(hits, firsts + np.array(depths))  # hits up to each depth of each query
    between = np.diff(ends.ravel(), prepend=0)  # hits from one depth to the next
    found = between.reshape(ends.shape).cumsum(axis=1)

    before = ends[:, -1] - found[:, -1]  # hits of the queries before
    so_far = np.arange(1, len(hits) + 1) - before.repeat(found[:, -1])
    precisions = so_far / (hits + 1 - firsts.repeat(found[:, -1]))
    parts = np.arange(len(between)).repeat(between)
    sums = np.bincount(parts, precisions, minlength=len(between)).reshape(ends.shape)
    averages: NDArray[np.float64] = sums.cumsum(axis=1) / np.maximum(found, 1)
    return averages
