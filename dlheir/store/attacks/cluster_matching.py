"""Cluster matching: the shape of a set of codes gives `keyed` mode's transform away by itself."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dlheir.retrieval import check_codes
from dlheir.store.protection import KeyedTransform

_SEED_PAIRS = 64  # own pairs of bits that the search begins from, one after the other
_STARTS = 512  # places tried for each of them
_STARTED_NUMBERS = 2**21  # fewer places for long codes: at most so many, places times bits squared
_KEPT = 16  # of the matchings grown, how many go on
_FORGOTTEN = (2, 4, 2, 4, 2, 4, 2, 4)  # rounds of second thoughts: one part in so many
_AGREEING = 3  # so many seed pairs that lead to one and the same matching end the search
_LIKENESS = 0.4  # correlation of a column's moments in the two sets, roughly
_NUMBERS_AT_ONCE = 2**17  # what a step of growing works on stays in the cache

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
    moments with the columns placed so far agree most, then forget what fits worst and grow again.

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
    found: list[Matchings] = []
    for starts in _starts(own, seen):
        found.append(_search(own, seen, starts))
        best = _fittest(own, seen, np.concatenate(found), 1)
        if sum(np.array_equal(best, other) for other in found) == _AGREEING:
            break
    return ClusterMatching(_transform(best[0]), 1 / (2 * own_bits.shape[1]))


def _moments(codes: NDArray[np.uint8]) -> Moments:
    """Return E[x_i x_j] of a constant 1 and the bits as -1 and +1, (1 + bits, 1 + bits)."""
    signed = np.ones((len(codes), 1 + codes.shape[1]), dtype=np.float32)
    signed[:, 1:] = 2.0 * codes - 1.0
    return np.asarray(signed.T @ signed / len(codes), dtype=np.float32)


def _starts(own: Moments, seen: Moments) -> Iterator[Matchings]:
    """Place a pair of strongly correlated own columns where the moments are most alike."""
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
        number = min(_STARTS, max(1, _STARTED_NUMBERS // own.size))
        likely = np.argsort(misfits, kind="stable")[:number]
        starts = np.repeat(nothing, len(likely), axis=0)
        starts[:, a] = (sign_c * (c + 1))[likely]
        starts[:, b] = (sign_d * (d + 1))[likely]
        yield starts


def _search(own: Moments, seen: Moments, starts: Matchings) -> Matchings:
    """Return the best complete matching that the starts lead to, (1, 1 + bits)."""
    matchings = _fittest(own, seen, _grow(own, seen, starts), _KEPT)
    for part in _FORGOTTEN:
        again = _grow(own, seen, _forget_worst(own, seen, matchings, len(own) // part))
        better = _misfits(own, seen, again).sum(1) < _misfits(own, seen, matchings).sum(1)
        matchings = np.where(better[:, None], again, matchings)
    return _fittest(own, seen, matchings, 1)


def _grow(own: Moments, seen: Moments, matchings: Matchings) -> Matchings:
    """Complete matchings, all with equally many columns known, the clearest column first."""
    step = max(1, _NUMBERS_AT_ONCE // own.size)
    chunks = (matchings[start : start + step] for start in range(0, len(matchings), step))
    return np.concatenate([_grow_chunk(own, seen, chunk.copy()) for chunk in chunks])


def _grow_chunk(own: Moments, seen: Moments, matchings: Matchings) -> Matchings:
    """Grow in place.

    How clearly own column i is seen column j is the likelihood, up to constants, that their
    moments x and y with the columns placed so far are two noisy copies of one and not unrelated:
    |sum x y| - likeness / 2 * (sum x^2 + sum y^2). Columns already matched are set to lose.
    """
    every, columns = np.arange(len(matchings)), len(own)
    sign, placed = np.sign(matchings).astype(np.float32), seen[np.abs(matchings) - 1]
    products = (own * sign[:, None, :]) @ placed  # its sign tells whether j is flipped
    half = np.float32(_LIKENESS / 2)
    own_squares, seen_squares = half * own**2, half * seen**2
    own_loss = sign**2 @ own_squares
    seen_loss = np.einsum("bk,bkj->bj", sign**2, half * placed**2)
    own_loss[matchings != 0] = np.inf
    row, column = np.nonzero(matchings)
    seen_loss[row, np.abs(matchings[row, column]) - 1] = np.inf
    work = np.empty_like(products)  # for all steps: allocating anew is slow
    for _ in range(np.count_nonzero(matchings[0] == 0)):
        np.abs(products, out=work)
        work -= own_loss[:, :, None]
        work -= seen_loss[:, None, :]
        i, j = np.divmod(work.reshape(len(every), -1).argmax(axis=1), columns)
        flip = np.where(products[every, i, j] < 0, np.float32(-1), np.float32(1))
        matchings[every, i] = flip * (j + 1)
        np.multiply((flip[:, None] * own[i])[:, :, None], seen[j][:, None, :], out=work)
        products += work
        own_loss += own_squares[i]
        seen_loss += seen_squares[j]
        own_loss[every, i] = seen_loss[every, j] = np.inf
    return matchings


def _forget_worst(own: Moments, seen: Moments, matchings: Matchings, columns: int) -> Matchings:
    """Take out the columns that fit worst."""
    misfits = _misfits(own, seen, matchings)
    misfits[:, 0] = -1  # the constant stays
    worst = np.argsort(misfits, axis=1)[:, len(own) - columns :]
    partial = matchings.copy()
    np.put_along_axis(partial, worst, 0, axis=1)
    return partial


def _fittest(own: Moments, seen: Moments, matchings: Matchings, number: int) -> Matchings:
    order = np.argsort(_misfits(own, seen, matchings).sum(axis=1), kind="stable")
    return matchings[order[:number]]


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
