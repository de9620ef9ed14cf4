"""Ranking metrics against torchmetrics."""

import numpy as np
import torch
from numpy.typing import NDArray
from torchmetrics.retrieval import RetrievalMAP, RetrievalPrecision

from dlheir.benchmarks.alternately import side_by_side
from dlheir.benchmarks.figure import Figure
from dlheir.retrieval import (
    distance_histograms,
    evaluate,
    expected_map,
    mean_average_precision,
    served_precision,
)
from dlheir.retrieval.pairs import LabelledCodes
from dlheir.retrieval.rankings import ranked_relevance

BITS, CLASSES, K = 48, 50, 100
SIZES, QUICK_SIZES = (2_000, 8_000), (200, 2_000)  # queries and database
TARGET = 100.0


def measure(quick: bool) -> list[Figure]:
    """Compute metrics of codes and labels that mean nothing: how long it takes depends on neither.

    torchmetrics gets distances, ready computed; ours starts from codes. Its mean average precision
    is that of one order of ties. Both may use all cores.

    Args:
        quick: 200 queries against 2,000 pictures instead of 2,000 against 8,000.
    """
    queries, database = QUICK_SIZES if quick else SIZES
    asked, asked_labels = _codes(queries, 0)
    stored, stored_labels = _codes(database, 1)
    everything = (asked, asked_labels, stored, stored_labels)
    scores, relevant, indexes = _flattened(*everything)

    def theirs(metric: RetrievalMAP | RetrievalPrecision) -> float:
        metric.reset()  # else it keeps the pairs of all calls
        return float(metric(scores, relevant, indexes=indexes))

    def precision() -> dict[str, float]:
        return served_precision(ranked_relevance(LabelledCodes(*everything), K), [K])

    size = f"{queries:,} x {database:,}"
    rows = (
        ("expected mAP", lambda: expected_map(distance_histograms(*everything)), RetrievalMAP()),
        ("mAP@all", lambda: mean_average_precision(LabelledCodes(*everything)), RetrievalMAP()),
        (f"precision@{K}", precision, RetrievalPrecision(top_k=K)),
        ("all of evaluate()", lambda: evaluate(*everything), RetrievalMAP()),
    )
    return [
        side_by_side(
            f"{name}, {size}",
            ours,
            lambda metric=metric: theirs(metric),  # type: ignore[misc]
            against=f"torchmetrics {type(metric).__name__}",
            # The whole evaluation is seven metrics for their one.
            target=None if "evaluate" in name else TARGET,
            repeats=3,
            warmup=0,
        )
        for name, ours, metric in rows
    ]


def _codes(count: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    random = np.random.default_rng(seed)
    codes = random.integers(0, 2, (count, BITS), dtype=np.uint8)
    return codes, random.integers(0, CLASSES, count)


def _flattened(
    asked: NDArray[np.uint8],
    asked_labels: NDArray[np.int64],
    stored: NDArray[np.uint8],
    stored_labels: NDArray[np.int64],
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Scores, relevance and query of each pair, in one row each, as torchmetrics wants them."""
    signs, others = (torch.from_numpy(codes).float() * 2 - 1 for codes in (asked, stored))
    scores = signs @ others.T  # bits - 2 distance
    relevant = torch.from_numpy(asked_labels[:, None] == stored_labels)
    indexes = torch.arange(len(asked))[:, None].expand_as(scores)
    return scores.flatten(), relevant.flatten(), indexes.flatten()
