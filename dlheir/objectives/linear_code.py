"""Binary linear codes with a large minimum distance, searched for."""

import numpy as np
import numpy.typing as npt

_MOST_RESTARTS = 24
_MOST_WORK = 3072  # restarts times codewords: a second or two for 1,000 classes and long codes
_MOST_CANDIDATES = 512
_STEEPEST = 40  # so that sums of 2^40 over 2^12 codewords stay exact in double precision


def linear_code(dimension: int, bits: int, random: np.random.RandomState) -> npt.NDArray[np.uint8]:
    """All codewords of a linear code whose minimum distance is about as large as they come.

    A column of the generator matrix is exchanged at a time, for the one that makes the sum of
    2^-weight over the codewords smallest, from several random starts. Up to 8 dimensions and 32
    bits this reaches the distances of the best codes known. All sums are whole numbers below
    2^53, so that every machine finds the same code.

    Args:
        dimension: Of the code, 1 ... 12 and at most `bits`.
        bits: Length of the codewords.
        random: Draws the starts.

    Returns:
        (2^dimension, bits) of 0 and 1, all rows distinct.
    """
    words = np.arange(2**dimension)
    candidates = words[1:]
    if len(candidates) > _MOST_CANDIDATES:
        candidates = random.permutation(candidates)[:_MOST_CANDIDATES]
    candidates = np.union1d(candidates, 2 ** np.arange(dimension))
    products = (np.bitwise_count(words[1:, None] & candidates) % 2).astype(np.float64)
    # The unit vectors first: with them all codewords are distinct from the start.
    units = np.searchsorted(candidates, 2 ** np.arange(dimension))
    best, best_distance = np.empty(0, dtype=np.int64), 0
    for _ in range(min(_MOST_RESTARTS, max(1, _MOST_WORK // len(words)))):
        drawn = random.randint(0, len(candidates), bits - dimension)
        columns = _descended(products, np.concatenate([units, drawn]))
        distance = int(products[:, columns].sum(axis=1).min())
        if distance > best_distance:
            best, best_distance = columns, distance
    zero = np.zeros((1, bits))
    return np.concatenate([zero, products[:, best]]).astype(np.uint8)


def _descended(
    products: npt.NDArray[np.float64], columns: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Exchange columns until no exchange of a single one helps."""
    weights = products[:, columns].sum(axis=1)
    position, unchanged = 0, 0
    while unchanged < len(columns):
        without = weights - products[:, columns[position]]
        # One more column with a 1 halves a codeword's share of the sum.
        shares = np.exp2(np.maximum(_STEEPEST - (without - without.min()), 1))
        gains = shares @ products
        chosen = int(gains.argmax())
        if gains[chosen] > gains[columns[position]]:
            columns[position], unchanged = chosen, 0
        else:
            unchanged += 1
        weights = without + products[:, columns[position]]
        position = (position + 1) % len(columns)
    return columns
