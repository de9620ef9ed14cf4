"""How good a ranking is: precision@k as served, and what it is worth over all orders of ties.

Codes are short, so many pictures tie. Expectations over all orders of ties have closed forms that
need no ranking, only each query's histogram of distances (McSherry & Najork, "Computing
information retrieval performance measures efficiently in the presence of tied scores", ECIR 2008).
"""

from collections.abc import Sequence
from typing import NamedTuple, TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dlheir.errors import InputError
from dlheir.retrieval.codes import check_codes, pack
from dlheir.retrieval.flat import FlatIndex

_PAIRS_AT_ONCE = 2**16  # pairs of query and database row: 512 KB of int64 stays in the cache


class Evaluation(TypedDict):
    """What `results.json` holds of precision; every number in [0, 1], the keys of each are ks."""

    precision: dict[str, float]
    expected_precision: dict[str, float]
    precision_ceiling: dict[str, float]
    expected_map: float


class DistanceHistograms(NamedTuple):
    """How many database pictures lie at each distance of each query.

    Attributes:
        total: (Q, bits + 1) int64, column d counts the pictures at distance d.
        relevant: (Q, bits + 1) int64, those among them with the query's label.
    """

    total: NDArray[np.int64]
    relevant: NDArray[np.int64]


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

    Queries with no relevant picture count 0 in the precisions and are left out of `expected_map`.

    Args:
        query_codes: (Q, bits) in {0, 1}, Q >= 1.
        query_labels: (Q,) integers.
        database_codes: (N, bits) in {0, 1}, N >= 1.
        database_labels: (N,) integers.
        ks: numbers of answers, each at least 1.

    Raises:
        InputError: on anything else.
    """
    _check_ks(ks)
    histograms = distance_histograms(query_codes, query_labels, database_codes, database_labels)
    rows, _ = FlatIndex(database_codes).search(query_codes, max(ks))
    relevant_ranked = np.asarray(database_labels)[rows] == np.asarray(query_labels)[:, None]
    return {
        "precision": served_precision(relevant_ranked, ks),
        "expected_precision": expected_precision(histograms, ks),
        "precision_ceiling": precision_ceiling(histograms, ks),
        "expected_map": expected_map(histograms),
    }


def distance_histograms(
    query_codes: ArrayLike,
    query_labels: ArrayLike,
    database_codes: ArrayLike,
    database_labels: ArrayLike,
) -> DistanceHistograms:
    """Count the database pictures at each distance of each query.

    Memory beside the result does not grow with the number of queries.

    Args:
        query_codes: (Q, bits) in {0, 1}, Q >= 1.
        query_labels: (Q,) integers.
        database_codes: (N, bits) in {0, 1}, N >= 1.
        database_labels: (N,) integers.

    Raises:
        InputError: on anything else.
    """
    database, database_classes = _check_set(database_codes, database_labels, "database", None)
    bits = database.shape[1]
    queries, query_classes = _check_set(query_codes, query_labels, "query", bits)
    query_words, database_words = _words(queries), _words(database)

    counts = np.empty((len(queries), 2, bits + 1), dtype=np.int64)
    step = max(1, _PAIRS_AT_ONCE // len(database))
    for start in range(0, len(queries), step):
        chunk = slice(start, start + step)
        distances = _distances(query_words[chunk], database_words)
        relevant = query_classes[chunk, None] == database_classes
        counts[chunk] = _count(distances, relevant, bits)
    return DistanceHistograms(total=counts.sum(axis=1), relevant=counts[:, 1])


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
    return float((precisions.sum(axis=1) / found[found > 0]).mean())


def _words(codes: NDArray[np.uint8]) -> NDArray[np.unsignedinteger]:
    """View packed codes as machine words, (N, words)."""
    packed = pack(codes)
    return packed.view(np.uint32 if packed.shape[1] == 4 else np.uint64)


def _distances(
    query_words: NDArray[np.unsignedinteger], database_words: NDArray[np.unsignedinteger]
) -> NDArray[np.int64]:
    """Count the bits that differ, (q, N)."""
    distances = np.zeros((len(query_words), len(database_words)), dtype=np.int64)
    for word in range(database_words.shape[1]):
        distances += np.bitwise_count(query_words[:, word, None] ^ database_words[:, word])
    return distances


def _count(
    distances: NDArray[np.int64], relevant: NDArray[np.bool_], bits: int
) -> NDArray[np.int64]:
    """Count pairs by query, relevance and distance in one pass: (q, 2, bits + 1)."""
    shape = (len(distances), 2, bits + 1)
    places = distances + (bits + 1) * relevant + 2 * (bits + 1) * np.arange(shape[0])[:, None]
    return np.bincount(places.ravel(), minlength=int(np.prod(shape))).reshape(shape)


def _check_set(
    codes: ArrayLike, labels: ArrayLike, name: str, bits: int | None
) -> tuple[NDArray[np.uint8], NDArray[np.integer]]:
    rows = check_codes(codes, f"{name} codes", bits)
    if len(rows) == 0:
        raise InputError(f"{name} codes: no row, expected at least one")
    classes = np.asarray(labels)
    if classes.dtype.kind not in "ui" or classes.shape != (len(rows),):
        raise InputError(
            f"{name} labels: {classes.dtype} of shape {classes.shape}, "
            f"expected integers ({len(rows)},), one a code"
        )
    return rows, classes


def _check_ks(ks: Sequence[int]) -> None:
    if len(ks) == 0 or any(int(k) != k or k < 1 for k in ks):
        raise InputError(f"ks: {ks}, expected at least one positive integer")
