"""Hash centres: one code for each class, far from each other."""

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dlheir.errors import InputError
from dlheir.objectives.hadamard import conference_codes, hadamard
from dlheir.objectives.linear_code import linear_code

_DRAWS = 64
_MOST_DIMENSIONS = 12
# How many columns of a larger matrix may be left out; each costs a bit of distance.
_MOST_LEFT_OUT = 8

Codes = npt.NDArray[np.uint8]


def hash_centres(num_classes: int, bits: int) -> Tensor:
    """Distinct codes with a large minimum distance, the same on every machine.

    With up to `2 * bits` classes and a Hadamard matrix of order `bits`, its rows, then their
    negatives: any two stand bits / 2 apart or more (Yuan et al., CVPR 2020). Otherwise the best of
    a larger Hadamard matrix with columns left out, a conference matrix code with columns left
    out, and a linear code that is searched for. Which codes of such a set are taken, and the rows'
    signs, are drawn so that each bit is 1 for about half of the classes.

    Args:
        num_classes: At least 1, at most 2^bits and 4,096.
        bits: Code length.

    Returns:
        (num_classes, bits) uint8 of 0 and 1. Minimum distances for 12, 24, 32 and 48 bits: with 50
        classes 4, 11, 16 and 24, the largest there are; with 100 classes 4, 10, 14 and 23.

    Raises:
        InputError: There are not so many codes.
    """
    if num_classes > 2 ** min(bits, _MOST_DIMENSIONS):
        raise InputError(
            f"there are {num_classes} classes; hash centres of {bits} bits are for at most "
            f"{2 ** min(bits, _MOST_DIMENSIONS)}, so take more bits or another objective"
        )
    # RandomState, as numpy has promised never to change what it draws.
    random = np.random.RandomState(0)
    rows = hadamard(bits)
    if rows is not None and num_classes <= 2 * bits:
        # A row's sign changes no distance, and without signs the first bit would be constant.
        sets = [_with_negatives(rows, random)[:num_classes] for _ in range(_DRAWS)]
        chosen = min(sets, key=_imbalance)
    else:
        larger = [_drawn(codes, num_classes, random) for codes in _larger(num_classes, bits)]
        dimension = max(1, math.ceil(math.log2(num_classes)))
        larger.append(_drawn(linear_code(dimension, bits, random), num_classes, random))
        chosen = max(larger, key=minimum_distance)
    return torch.from_numpy(np.ascontiguousarray(chosen))


def minimum_distance(codes: Codes) -> int:
    """The smallest Hamming distance between two rows of (n, bits) codes of 0 and 1."""
    signed = 2 * codes.astype(np.int64) - 1
    products = signed @ signed.T
    np.fill_diagonal(products, -codes.shape[1])
    return int((codes.shape[1] - products.max()) // 2)


def _larger(num_classes: int, bits: int) -> list[Codes]:
    """Sets of at least `num_classes` codes, made of longer ones by leaving columns out."""
    found = []
    for length in range(bits, bits + _MOST_LEFT_OUT + 1):
        rows = hadamard(length)
        if rows is not None and num_classes <= 2 * length:
            # Without negatives the first column is constant, and its loss costs nothing.
            codes = rows if num_classes <= length else np.concatenate([rows, -rows])
            found.append(_as_bits(codes[:, length - bits :]))
        codes_of_conference = conference_codes(length)
        if codes_of_conference is not None and num_classes <= 2 * length + 2:
            found.append(_as_bits(codes_of_conference[:, length - bits :]))
    return found


def _with_negatives(rows: npt.NDArray[np.int64], random: np.random.RandomState) -> Codes:
    """The rows with random signs, then their negatives in random order."""
    signed = rows * random.choice([-1, 1], (len(rows), 1))
    return _as_bits(np.concatenate([signed, -random.permutation(signed)]))


def _drawn(codes: Codes, count: int, random: np.random.RandomState) -> Codes:
    """Of some random choices of `count` rows the one with the largest minimum distance.

    Among equals it is the one with the most even bits.
    """
    choices = [codes[random.permutation(len(codes))[:count]] for _ in range(_DRAWS)]
    return max(choices, key=lambda choice: (minimum_distance(choice), -_imbalance(choice)))


def _imbalance(codes: Codes) -> int:
    """How far the most uneven bit is from being 1 in half of the codes, doubled."""
    return int(np.abs(2 * codes.astype(np.int64).sum(axis=0) - len(codes)).max())


def _as_bits(signed: npt.NDArray[np.int64]) -> Codes:
    return (signed > 0).astype(np.uint8)
