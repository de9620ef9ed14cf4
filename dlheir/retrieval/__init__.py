"""Retrieval by Hamming distance: codes, an exact index, ranking metrics (numpy and faiss only)."""

from dlheir.retrieval.codes import (
    CodeComparison,
    binarize,
    check_codes,
    compare_codes,
    median_thresholds,
    pack,
    packed_bytes,
    unpack,
)
from dlheir.retrieval.index import HammingIndex, search
from dlheir.retrieval.metrics import (
    DistanceHistograms,
    Evaluation,
    distance_histograms,
    evaluate,
    expected_map,
    expected_precision,
    precision_ceiling,
    served_precision,
)

__all__ = [
    "CodeComparison",
    "DistanceHistograms",
    "Evaluation",
    "HammingIndex",
    "binarize",
    "check_codes",
    "compare_codes",
    "distance_histograms",
    "evaluate",
    "expected_map",
    "expected_precision",
    "median_thresholds",
    "pack",
    "packed_bytes",
    "precision_ceiling",
    "search",
    "served_precision",
    "unpack",
]
