"""SimHash: weighted features to a code whose bits agree as often as the features do.

Sources: Charikar, "Similarity estimation techniques from rounding algorithms" (STOC 2002); Manku,
Jain, Sarma, "Detecting near-duplicates for web crawling" (WWW 2007). Two sets at an angle t differ
in a share t / pi of the bits, on average over fingerprints.
"""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

# Weights are rounded to multiples of this: their sums are then exact, in whatever order they are
# added, so that equal pictures have equal codes in any batch.
_GRID = 2.0**-30


def draw_fingerprints(random: Generator, features: int, bits: int) -> NDArray[np.float64]:
    """Draw the secret fingerprint of each feature: (features, bits), each bit as -1 or 1."""
    return random.choice(np.array([-1.0, 1.0]), size=(features, bits))


def simhash(weights: NDArray[np.float64], fingerprints: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Add up the fingerprints of what a picture shows; a bit is 1 where the sum is above 0.

    Args:
        weights: (N, features), how much each counts; exact for up to a sum of 2**23 a picture.
        fingerprints: (features, bits), -1 or 1.

    Returns:
        Codes (N, bits) uint8 in {0, 1}; without features, all bits are 0.
    """
    multiples = np.rint(weights / _GRID)
    return (multiples @ fingerprints > 0).astype(np.uint8)
