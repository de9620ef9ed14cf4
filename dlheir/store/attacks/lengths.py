"""File lengths: the length of an envelope names the picture in it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class LengthMatching:
    """How far a length narrows down which known picture is sealed.

    A picture's anonymity set is all known pictures whose envelopes are as long as its own.

    Attributes:
        unique: share of pictures alone in their set: named for certain, in [0, 1].
        identified: share named rightly on average when the attacker guesses within the set.
        anonymity_set: the median picture's set, in pictures.
        chance: share named rightly by guessing among all pictures.
    """

    unique: float
    identified: float
    anonymity_set: float
    chance: float


def length_attack(sealed_lengths: ArrayLike) -> LengthMatching:
    """Tell which known picture an envelope holds from its length.

    * The attacker sees the envelopes and has the picture files that may be in them, or only a list
      of their lengths: a published collection, a web site that was archived.
    * They want to know which envelope holds which picture, in every mode alike: lengths do not
      depend on how codes are protected.

    Here the files that may be in them are those that are in them.

    Args:
        sealed_lengths: (N,) integers, N >= 1, the length of each picture's envelope, or of what is
            sealed in it: a constant more or less changes nothing.
    """
    _, number, sizes = np.unique(
        np.asarray(sealed_lengths), return_inverse=True, return_counts=True
    )
    sets = sizes[number]
    return LengthMatching(
        float((sets == 1).mean()),
        float((1 / sets).mean()),
        float(np.median(sets)),
        1 / len(sets),
    )
