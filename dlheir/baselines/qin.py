"""Qin et al.: local features in a bag of visual words, hashed to a code under a secret key.

What is known of the sources, and where this differs from them, stands in README.md.
"""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dlheir.baselines.hamming import Codes, HammingIndex
from dlheir.baselines.keypoints import Descriptors, harris, open_cv, sift
from dlheir.baselines.options import whole_number
from dlheir.baselines.pictures import map_pictures, per_picture
from dlheir.baselines.registry import register_system
from dlheir.baselines.simhash import draw_fingerprints, simhash
from dlheir.baselines.system import Features, System
from dlheir.baselines.visual_words import VisualWords
from dlheir.errors import InputError

_MOST_WORDS = 10_000
_MOST_BITS = 4096
# Their descriptors are held in memory at once, at most a megabyte each.
_MOST_PICTURES_LEARNED_FROM = 500


class _HashedWords(System[Codes]):
    """Features: counts of visual words. Protection: their SimHash, by secret fingerprints.

    Args:
        words: Size of the codebook, 2 to 10,000.
        bits: Code length, 1 to 4,096.
        seed: See `System`.
    """

    def __init__(self, *, words: int = 200, bits: int = 256, seed: int | None = None) -> None:
        super().__init__(seed=seed)
        open_cv()  # where it is missing, now is the time to say so
        self._words = whole_number("words", words, 2, _MOST_WORDS)
        self._bits = whole_number("bits", bits, 1, _MOST_BITS)
        self._codebook: VisualWords | None = None

    def prepare(self, pictures: Sequence[Path]) -> None:
        """Learn the codebook, of at most 500 of the pictures, and draw the fingerprints.

        Raises:
            InputError: A picture cannot be read, or none has a key point.
        """
        count = min(len(pictures), _MOST_PICTURES_LEARNED_FROM)
        chosen = np.sort(self._random.choice(len(pictures), count, replace=False))
        descriptors = map_pictures(
            self._describe, [pictures[row] for row in chosen], "Finding key points"
        )
        if not any(len(found) for found in descriptors):
            raise InputError(
                f"{self.title}: none of {count} training pictures has a key point to learn from; "
                "give pictures that show more than one colour"
            )
        self._codebook = VisualWords(descriptors, self._words, self._random)
        self._fingerprints = draw_fingerprints(
            self._random, len(self._codebook.centres), self._bits
        )

    def features(self, pictures: Sequence[Path]) -> Features:
        """Count the visual words (N, words) of each picture; all 0 without key points."""
        codebook = self._learned()
        return per_picture(
            lambda levels: codebook.counts(self._describe(levels)), pictures, "Counting words"
        )

    def index(self, features: Features) -> HammingIndex:
        """Hash the counts; the server gets the codes."""
        return HammingIndex(self.trapdoors(features))

    def trapdoors(self, features: Features) -> Codes:
        """Hash the counts of queries; without key points, all bits are 0."""
        return simhash(self._learned().weights(features), self._fingerprints)

    @staticmethod
    @abstractmethod
    def _describe(levels: NDArray[np.uint8]) -> Descriptors:
        """Describe a picture's key points."""

    def _learned(self) -> VisualWords:
        if self._codebook is None:
            raise InputError(f"{self.title}: no codebook yet; call prepare(pictures) first")
        return self._codebook


@register_system("qin")
class Qin(_HashedWords):
    """SIFT, visual words and SimHash (the paper's [6]).

    Source: Qin, Cao, Xiang, Tan, Xiang, Zhang, "An encrypted image retrieval method based on
    SimHash in cloud computing" (Computers, Materials & Continua 62(3), 2020).
    """

    title = "Qin (SimHash)"
    _describe = staticmethod(sift)


@register_system("qin_harris")
class QinHarris(_HashedWords):
    """Harris corners, visual words and locality-sensitive hashing (the paper's [20]).

    SimHash is the locality-sensitive family of the angle between two pictures' weights.

    Source: Qin, Li, Xiang et al., "An encrypted image retrieval method based on Harris corner
    optimization and LSH in cloud computing" (IEEE Access 7, 2019).
    """

    title = "Qin (Harris, LSH)"
    _describe = staticmethod(harris)
