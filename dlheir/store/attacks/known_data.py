"""Known data: a few known stored pictures tell what is asked for, by what is fetched together."""

import numpy as np
from numpy.typing import ArrayLike

from dlheir.store.attacks.dictionary import ClassGuess

_STEPS = 3  # from known pictures to those fetched with them, to those fetched with these, ...


def known_data_attack(
    fetched: ArrayLike, query_labels: ArrayLike, known: ArrayLike, known_labels: ArrayLike
) -> ClassGuess:
    """Guess the class of each query from the pictures that are fetched after it.

    * The attacker is the server, or reads its log, and knows what some stored pictures show: their
      own, published ones, or those named by their length.
    * They want to know what users ask for.
    * It works in every mode; in `client` mode it needs nothing but the fetches. Without fetches
      there is nothing: a user who downloads every picture, or asks for nothing, is safe.

    A request is of the class that the known pictures among those fetched have; where none is
    known, of the class of pictures that others fetched along with them. Labels spread from known
    pictures to requests and back to pictures by averaging, known pictures keeping theirs.

    Source: label propagation, Zhu & Ghahramani, CMU-CALD-02-107, 2002.

    Args:
        fetched: (T, k) picture numbers from 0 up, T >= 1, k >= 1; one row a request.
        query_labels: (T,) integers, the truth.
        known: (K,) picture numbers, K >= 1.
        known_labels: (K,) integers.
    """
    requests, given = np.asarray(fetched), np.asarray(known)
    classes, number = np.unique(np.asarray(known_labels), return_inverse=True)
    evidence = np.eye(len(classes), dtype=np.float32)[number]
    pictures = np.zeros((1 + max(requests.max(), given.max()), len(classes)), dtype=np.float32)
    pictures[given] = evidence
    asked = pictures[requests].mean(axis=1)
    visits = np.maximum(np.bincount(requests.ravel(), minlength=len(pictures)), 1)
    for _ in range(_STEPS):
        pictures[:] = 0
        np.add.at(pictures, requests, asked[:, None])
        pictures /= visits[:, None]
        pictures[given] = evidence
        asked = pictures[requests].mean(axis=1)
    # A request that nothing reached is taken for the class known most often.
    guesses = (asked + 1e-9 * np.bincount(number)).argmax(axis=1)
    return ClassGuess.compare(classes[guesses], np.asarray(query_labels))
