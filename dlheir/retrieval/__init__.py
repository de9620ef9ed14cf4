"""Retrieval by Hamming distance: codes, search engines, ranking metrics (numpy and faiss only)."""

from dlheir.retrieval.average_precision import expected_map, mean_average_precision
from dlheir.retrieval.balls import lookup, precision_recall
from dlheir.retrieval.buckets import BucketIndex
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
from dlheir.retrieval.engines import ENGINES, build_index, choose_engine, restore_index, search
from dlheir.retrieval.flat import FlatIndex
from dlheir.retrieval.histograms import DistanceHistograms, distance_histograms
from dlheir.retrieval.index import EmbeddedIndex, Index
from dlheir.retrieval.ivf import IVFIndex
from dlheir.retrieval.metrics import (
    Evaluation,
    evaluate,
    expected_precision,
    precision_ceiling,
    served_precision,
)
from dlheir.retrieval.pairs import LabelledCodes

__all__ = [
    "ENGINES",
    "BucketIndex",
    "CodeComparison",
    "DistanceHistograms",
    "EmbeddedIndex",
    "Evaluation",
    "FlatIndex",
    "IVFIndex",
    "Index",
    "LabelledCodes",
    "binarize",
    "build_index",
    "check_codes",
    "choose_engine",
    "compare_codes",
    "distance_histograms",
    "evaluate",
    "expected_map",
    "expected_precision",
    "lookup",
    "mean_average_precision",
    "median_thresholds",
    "pack",
    "packed_bytes",
    "precision_ceiling",
    "precision_recall",
    "restore_index",
    "search",
    "served_precision",
    "unpack",
]
