"""The first yardstick: colour histograms, hidden as the server of IES-CBIR sees them."""

from collections.abc import Sequence
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dlheir.baselines.pictures import per_picture
from dlheir.baselines.registry import register_system
from dlheir.baselines.system import Answers, Features, ServerIndex, System
from dlheir.errors import InputError

CHANNELS, BINS = 3, 100
# Shares of pixels are rounded to multiples of 1 / WHOLE: distances are then sums of whole numbers
# below 2**24, exact in float32 in whatever order the secret permutation adds them.
WHOLE = 2**16 - 1

_QUERIES_AT_ONCE = 64  # whose distances to all pictures are in memory

Histograms = NDArray[np.uint16]


class HistogramIndex(ServerIndex[Histograms]):
    """Permuted histograms, compared by L1 distance."""

    def __init__(self, histograms: Histograms) -> None:
        """Take the permuted histograms (N, 300)."""
        self._histograms = histograms.astype(np.float32)

    def __len__(self) -> int:
        return len(self._histograms)

    def search(self, trapdoors: Histograms, k: int) -> Answers:
        """Find the k nearest pictures of each query (Q, 300); a score is in shares of pixels."""
        if k < 1:
            raise InputError(f"k: {k}, expected at least 1")
        width = min(k, len(self))
        rows = np.empty((len(trapdoors), width), dtype=np.int64)
        scores = np.empty((len(trapdoors), width), dtype=np.float64)
        for start in range(0, len(trapdoors) if width else 0, _QUERIES_AT_ONCE):
            chunk = slice(start, start + _QUERIES_AT_ONCE)
            queries = trapdoors[chunk].astype(np.float32)
            distances = faiss.pairwise_distances(queries, self._histograms, faiss.METRIC_L1)
            # One whole number tells distance, then row: the order is that of these numbers.
            keys = distances.astype(np.int64) * len(self) + np.arange(len(self))
            nearest = np.sort(np.partition(keys, width - 1, axis=1)[:, :width], axis=1)
            scores[chunk], rows[chunk] = np.divmod(nearest, len(self))
        return rows, scores / WHOLE


@register_system("hsv_histogram")
class HsvHistogram(System[Histograms]):
    """Histograms of hue, saturation and value, each channel's values permuted in secret.

    In IES-CBIR the owner replaces each channel's values in the pixels themselves by a secret
    permutation and shuffles the pixels' places, and the server counts. The histograms that it gets
    are these: those of the picture, permuted. L1 distances are equal before and after.

    Source: Ferreira, Rodrigues, Leitao, Domingos, "Privacy-preserving content-based image retrieval
    in the cloud" (SRDS 2015) and "Practical privacy-preserving content-based retrieval in cloud
    image repositories" (IEEE Transactions on Cloud Computing 7(3), 2019).

    Args:
        seed: See `System`.
    """

    title = "HSV histogram"

    def __init__(self, *, seed: int | None = None) -> None:
        super().__init__(seed=seed)
        self._places = np.concatenate(
            [channel * BINS + self._random.permutation(BINS) for channel in range(CHANNELS)]
        )

    def features(self, pictures: Sequence[Path]) -> Features:
        """Count colours: (N, 300) uint16, for each channel 100 bins in shares of 1 / 65535."""
        return per_picture(hsv_histogram, pictures, "Counting colours")

    def index(self, features: Features) -> HistogramIndex:
        """Permute the histograms; the server gets these."""
        return HistogramIndex(self.trapdoors(features))

    def trapdoors(self, features: Features) -> Histograms:
        """Permute the histograms of queries."""
        permuted: Histograms = features[:, self._places]
        return permuted


def hsv_histogram(levels: NDArray[np.uint8]) -> Histograms:
    """Count a picture's values of hue, saturation and value in 100 bins each.

    Args:
        levels: (H, W, 3) uint8 RGB.

    Returns:
        (300,) uint16: 100 shares of hue, 100 of saturation, 100 of value, each 65535 times the
        share of pixels.
    """
    hsv = np.asarray(Image.fromarray(levels).convert("HSV")).reshape(-1, CHANNELS)
    # 256 levels to 100 bins: level l falls into bin floor(100 l / 256).
    bins = hsv.astype(np.int64) * BINS // 256 + np.arange(CHANNELS) * BINS
    counts = np.bincount(bins.ravel(), minlength=CHANNELS * BINS)
    shares: Histograms = np.rint(counts * (WHOLE / len(hsv))).astype(np.uint16)
    return shares
