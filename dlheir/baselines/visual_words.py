"""Bags of visual words: how often a picture shows what many pictures show."""

from collections.abc import Sequence

import faiss
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from dlheir.baselines.keypoints import Descriptors

Counts = NDArray[np.float32]

_ROUNDS = 15  # of k-means
_DESCRIPTORS_PER_WORD = 100  # of all of them, drawn, that k-means looks at


class VisualWords:
    """A codebook of descriptors, how telling its words are, and what pictures show on average.

    Sources: Sivic, Zisserman, "Video Google" (ICCV 2003): words, and their weights by frequency and
    rarity (tf-idf). Jegou, Chum, "Negative evidences and co-occurences in image retrieval" (ECCV
    2012): weights about their mean, so that what two pictures both lack counts as well.

    Attributes:
        centres: (W, D) float32, the words.
        rarity: (W,) float64, ln(pictures / pictures that show the word): a word that all pictures
            show tells nothing.
        mean: (W,) float64, of the square roots of the training pictures' weights.
    """

    def __init__(self, descriptors: Sequence[Descriptors], words: int, random: Generator) -> None:
        """Find words by k-means.

        Args:
            descriptors: Of each training picture, (n, D); at least one in all.
            words: Number of words; where there are fewer descriptors, each of them is one.
            random: Draws what k-means begins with.
        """
        every = np.concatenate(descriptors)
        kmeans = faiss.Kmeans(
            every.shape[1],
            min(words, len(every)),
            niter=_ROUNDS,
            seed=int(random.integers(2**31)),
            min_points_per_centroid=1,
            max_points_per_centroid=_DESCRIPTORS_PER_WORD,
        )
        kmeans.train(every)
        self.centres: Descriptors = np.asarray(kmeans.centroids)
        self._offsets = np.square(self.centres).sum(axis=1)
        counts = np.stack([self.counts(picture) for picture in descriptors])
        self.rarity = np.log(len(counts) / np.maximum((counts > 0).sum(axis=0), 1))
        self.mean = self._roots(counts).mean(axis=0)

    def counts(self, descriptors: Descriptors) -> Counts:
        """Count the words (W,) of a picture, each of its descriptors (n, D) being the nearest."""
        distances = self._offsets - 2 * descriptors @ self.centres.T
        nearest = distances.argmin(axis=1)
        return np.bincount(nearest, minlength=len(self.centres)).astype(np.float32)

    def weights(self, counts: Counts) -> NDArray[np.float64]:
        """Weigh the words of pictures.

        Args:
            counts: (N, W), from `counts`.

        Returns:
            (N, W), sqrt(frequency * rarity) less its mean; 0 for a picture without words.
        """
        shown = counts.any(axis=1, keepdims=True)
        return np.where(shown, self._roots(counts) - self.mean, 0.0)

    def _roots(self, counts: Counts) -> NDArray[np.float64]:
        """Square roots: a texture that fills the picture is not all that counts."""
        totals = counts.sum(axis=1, keepdims=True, dtype=np.float64)
        roots: NDArray[np.float64] = np.sqrt(counts / np.maximum(totals, 1) * self.rarity)
        return roots
