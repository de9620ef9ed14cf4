"""Cluster matching: the shape of a set of codes gives `keyed` mode's transform away by itself."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dlheir.retrieval import check_codes
from dlheir.store.protection import KeyedTransform

_SEED_PAIRS = 16  # own pairs of bits that a search starts from
_STARTS = 256  # places tried for each of them
_KEPT = 32  # of these, how many go on
_ROUNDS = 4  # of second thoughts
_NUMBERS_AT_ONCE = 2**20  # bounds memory for long codes: starts times bits squared

# A set of partial matchings, (B, 1 + bits) int64: own column i is seen column |m| - 1, flipped
# where m < 0; 0 stands for not known yet. Column 0 is the constant and matches itself.
Matchings = NDArray[np.int64]
Moments = NDArray[np.float32]


@dataclass(frozen=True)
class ClusterMatching:
    """What the attacker arrives at.

    Attributes:
        transform: the transform that fits best.
        chance: share of positions, place and flip, that a blind guess gets right on average.
    """

    transform: KeyedTransform
    chance: float


def cluster_matching_attack(own_codes: ArrayLike, protected: ArrayLike) -> ClusterMatching:
    """Recover the transform of `keyed` mode with no pair known.

    * The attacker has the network and pictures like the stored ones, so codes drawn alike, and
      sees the protected codes. Labels are not needed.
    * They want the transform; the dictionary attack follows.
    * It works in `keyed` mode, on the codes of one key version. In `client` mode stored codes are
      random bytes and have no shape.

    The transform keeps all that bits have to do with each other. With bits as -1 and +1 beside a
    constant 1, the matrix of second moments E[x_i x_j], which holds each bit's mean and each
    pair's correlation, goes through the same permutation of rows and columns, flips become signs,
    and the constant stays where it is. Matching the two matrices is a graph matching: begin with a
    strongly correlated pair of own bits at each likely place, add column after column where the
    moments with the columns placed so far agree most, then forget the half that fits worst and
    grow again.

    Source: seed-and-grow follows Narayanan & Shmatikov, De-anonymizing Social Networks, IEEE S&P
    2009.

    Args:
        own_codes: (M, bits) in {0, 1}, M >= 1.
        protected: (N, bits) in {0, 1}, N >= 1.

    Raises:
        InputError: when they are no codes, or differ in length.
    """
    own_bits = check_codes(own_codes, "own codes")
    seen_bits = check_codes(protected, "protected codes", own_bits.shape[1])
    own, seen = _moments(own_bits), _moments(seen_bits)
    grown = [_fittest(own, seen, _grow(own, seen, start)) for start in _starts(own, seen)]
    matchings = np.concatenate(grown)
    for _ in range(_ROUNDS):
        matchings = _second_thoughts(own, seen, matchings)
    best = _fittest(own, seen, matchings)[:1]
    return ClusterMatching(_transform(best[0]), 1 / (2 * own_bits.shape[1]))


def _moments(codes: NDArray[np.uint8]) -> Moments:
    """Return E[x_i x_j] of a constant 1 and the bits as -1 and +1, (1 + bits, 1 + bits)."""
    signed = np.ones((len(codes), 1 + codes.shape[1]), dtype=np.float32)
    signed[:, 1:] = 2.0 * codes - 1.0
    return np.asarray(signed.T @ signed / len(codes), dtype=np.float32)


def _starts(own: Moments, seen: Moments) -> Iterator[Matchings]:
    """Place the most correlated pairs of own columns where the moments are most alike."""
    columns = len(own)
    nothing = np.zeros((1, columns), dtype=np.int64)
    nothing[:, 0] = 1
    yield nothing

    first, second = np.triu_indices(columns - 1, k=1)
    strongest = np.argsort(-np.abs(own[1 + first, 1 + second]), kind="stable")[:_SEED_PAIRS]
    places = np.argwhere(~np.eye(columns - 1, dtype=bool)) + 1
    c, d = np.vstack([places, places]).T
    sign_c = np.repeat([1, -1], len(places))
    for a, b in zip(1 + first[strongest], 1 + second[strongest], strict=True):
        # The correlation's sign leaves the second flip no choice.
        sign_d = sign_c * np.where(own[a, b] * seen[c, d] < 0, -1, 1)
        misfits = (
            2 * (np.abs(own[a, b]) - np.abs(seen[c, d])) ** 2
            + (own[0, a] - sign_c * seen[0, c]) ** 2
            + (own[0, b] - sign_d * seen[0, d]) ** 2
        )
        width = min(_STARTS, max(1, _NUMBERS_AT_ONCE // own.size))
        likely = np.argsort(misfits, kind="stable")[:width]
        start = np.repeat(nothing, len(likely), axis=0)
        start[:, a] = (sign_c * (c + 1))[likely]
        start[:, b] = (sign_d * (d + 1))[likely]
        yield start


def _grow(own: Moments, seen: Moments, matchings: Matchings) -> Matchings:
    """Complete matchings, all with equally many columns known, the clearest column first."""
    grown, columns = matchings.copy(), len(own)
    every = np.arange(len(grown))
    # Agreement of own column i with seen column j about the columns placed so far; its sign tells
    # whether j is flipped.
    agreement = (own * np.sign(grown)[:, None, :]) @ seen[np.abs(grown) - 1]
    taken = np.zeros((len(grown), 1 + columns), dtype=bool)
    np.put_along_axis(taken, np.abs(grown), values=True, axis=1)
    free = (grown == 0)[:, :, None] & ~taken[:, None, 1:]
    for _ in range(np.count_nonzero(grown[0] == 0)):
        clearest = np.where(free, np.abs(agreement), -1).reshape(len(grown), -1).argmax(axis=1)
        i, j = np.divmod(clearest, columns)
        sign = np.where(agreement[every, i, j] < 0, -1, 1)
        grown[every, i] = sign * (j + 1)
        free[every, i] = False
        free[every, :, j] = False
        agreement += (sign[:, None] * own[i]).astype(np.float32)[:, :, None] * seen[j][:, None, :]
    return grown


def _second_thoughts(own: Moments, seen: Moments, matchings: Matchings) -> Matchings:
    """Forget the half of the columns that fits worst, grow again, keep what is better."""
    misfits = _misfits(own, seen, matchings)
    misfits[:, 0] = -1  # the constant stays
    worst = np.argsort(misfits, axis=1)[:, (len(own) + 1) // 2 :]
    partial = matchings.copy()
    np.put_along_axis(partial, worst, 0, axis=1)
    grown = _grow(own, seen, partial)
    better = _misfits(own, seen, grown).sum(axis=1) < _misfits(own, seen, matchings).sum(axis=1)
    return np.where(better[:, None], grown, matchings)


def _fittest(own: Moments, seen: Moments, matchings: Matchings) -> Matchings:
    order = np.argsort(_misfits(own, seen, matchings).sum(axis=1), kind="stable")
    return matchings[order[:_KEPT]]


def _misfits(own: Moments, seen: Moments, matchings: Matchings) -> NDArray[np.float32]:
    """Sum the squared differences of moments by own column, (B, 1 + bits)."""
    place, sign = np.abs(matchings) - 1, np.sign(matchings).astype(np.float32)
    placed = seen[place[:, :, None], place[:, None, :]] * sign[:, :, None] * sign[:, None, :]
    misfits: NDArray[np.float32] = ((own - placed) ** 2).sum(axis=2)
    return misfits


def _transform(matching: NDArray[np.int64]) -> KeyedTransform:
    place = np.abs(matching[1:]) - 2  # of each bit of a code among the protected bits
    permutation = np.argsort(place)
    return KeyedTransform(permutation, (matching[1:] < 0)[permutation].astype(np.uint8))
