"""Dictionary attack: the public network puts names to codes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dlheir.retrieval import check_codes


@dataclass(frozen=True)
class ClassGuess:
    """How often an attacker names the class of something.

    Attributes:
        accuracy: share that is named rightly, in [0, 1].
        chance: what naming the most frequent class every time would reach.
    """

    accuracy: float
    chance: float

    @classmethod
    def compare(cls, guesses: NDArray[np.integer], labels: NDArray[np.integer]) -> "ClassGuess":
        """Hold guesses (N,) to labels (N,)."""
        largest = np.unique(labels, return_counts=True)[1].max()
        return cls(float((guesses == labels).mean()), float(largest / len(labels)))


def dictionary_attack(
    stored_codes: ArrayLike, labels: ArrayLike, own_codes: ArrayLike, own_labels: ArrayLike
) -> ClassGuess:
    """Guess the class of each stored picture from its code.

    * The attacker has the network (a published checkpoint) and labelled pictures of their own, and
      sees the stored codes.
    * They want to know what each stored picture shows.
    * It works in `plain` mode. In `keyed` mode it meets transformed codes, where it is blind until
      the transform is undone (`known_pairs_attack`, `cluster_matching_attack`); in `client` mode
      stored codes are random bytes.

    From the own codes the attacker counts how often each bit is set in each class, and takes the
    class under which a stored code is most likely, bits taken as independent (naive Bayes). With
    one own picture a class this is the nearest own code; with more it is better, as it knows which
    bits of a class are reliable.

    Args:
        stored_codes: (N, bits) in {0, 1}, N >= 1, as the server holds them.
        labels: (N,) integers, the truth, which only the measurement knows.
        own_codes: (M, bits) in {0, 1}, M >= 1.
        own_labels: (M,) integers.

    Raises:
        InputError: when codes are no codes, or differ in length.
    """
    own = check_codes(own_codes, "own codes")
    stored = check_codes(stored_codes, "stored codes", own.shape[1])
    classes, number = np.unique(np.asarray(own_labels), return_inverse=True)
    ones = np.zeros((len(classes), own.shape[1]), dtype=np.float32)
    np.add.at(ones, number, own)
    # Half a picture of each kind added: a bit never seen set is unlikely, not impossible.
    share = (ones + 0.5) / (np.bincount(number)[:, None] + 1)
    odds, base = np.log(share / (1 - share)), np.log(1 - share).sum(axis=1)
    likelihood = stored.astype(np.float32) @ odds.T.astype(np.float32) + base
    return ClassGuess.compare(classes[likelihood.argmax(axis=1)], np.asarray(labels))
