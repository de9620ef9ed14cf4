"""The scalable colour descriptor (SCD): an HSV histogram, Haar-transformed.

Sources: ISO/IEC 15938-3:2002, 6.5; Manjunath, Ohm, Vasudevan and Yamada, "Color and Texture
Descriptors" (IEEE Trans. Circuits and Systems for Video Technology 11(6), 2001), III.B. The order
of coefficients, their offsets and bits are the standard's table, as its reference software has it,
published as mubastan/mpeg7fex.
"""

import math

import numpy as np
from numpy.typing import NDArray

from dlheir.baselines.mpeg7.colour_space import hsv_cells
from dlheir.errors import InputError

CELLS = 256
COEFFICIENTS = (16, 32, 64, 128, 256)
# Bits of a cell's number that its halves differ in, from the first round of the transform to the
# last: hue is bits 0 to 3, saturation 4 and 5, value 6 and 7.
ROUNDS = (0, 4, 6, 1, 5, 7, 2, 3)

_OFFSETS = """
217 -71 -27 -54 -8 -14 -22 -29 -6 -13 -11 -22 -9 -14 -19 -22 0 -1 0 -2 1 -5 0 0 2 -2 -2 0 3 -5 -1 4
0 0 0 -1 0 0 -1 -2 -1 -1 -1 -3 -1 -2 -4 -5 -1 0 -2 -2 -2 -3 -3 0 0 0 0 2 -1 0 3 3
0 0 0 0 0 0 0 -1 -1 -1 -2 -1 -2 -2 -2 -1 0 0 0 -1 0 0 -1 -1 -2 -1 -2 -1 -3 -3 -2 0
0 0 0 -1 0 0 -2 -2 -2 -2 -2 -1 -3 -3 -1 0 1 0 0 -1 0 0 -1 0 -1 -1 -1 0 -1 0 1 -1
0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1 0 0 -1 1 0 0 0 0 0 0 -1 0
0 0 0 0 0 0 0 0 0 0 0 1 0 0 0 1 0 0 0 1 0 0 -1 2 0 0 0 0 0 0 -1 1
0 0 0 0 0 0 0 0 0 0 0 1 0 0 -1 1 0 0 -1 1 0 -1 -1 2 0 0 0 0 0 -1 0 1
1 0 -1 0 0 0 0 1 0 0 -1 0 0 0 0 1 0 0 0 0 0 -1 0 1 0 0 0 0 0 -1 0 -1
"""
_BITS = """
9989777867677777453656575657566733353355545555555355555555555565
2234223444555555323423455455555533343355545555554344344443445555
2233223322342233323423443334334432332233323423443235335533343345
3233234432343355323534553334334432333334323433443234334433333334
"""


def _table() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Offsets and greatest magnitudes of the 256 coefficients."""
    bits = np.array([int(digit) for digit in "".join(_BITS.split())])
    return np.array(_OFFSETS.split(), np.int64), 2 ** (bits - 1) - 1


OFFSETS, GREATEST = _table()


def scalable_colour(rgb: NDArray[np.uint8], coefficients: int = 64) -> NDArray[np.int16]:
    """Describe a picture by a Haar-transformed histogram of its colours.

    Shares of pixels in 256 cells of HSV (16 hues x 4 saturations x 4 values) are quantised to 11
    bits, then to 4 by a power law that keeps small ones apart, and transformed by sums and
    differences of neighbouring cells. A coefficient is clipped around the mean that it has over
    pictures; fewer coefficients are those of a coarser histogram. No bit plane is discarded.

    Args:
        rgb: Levels (H, W, 3).
        coefficients: 16, 32, 64, 128 or 256.

    Returns:
        Coefficients (coefficients,), -255 to 255, coarsest first.

    Raises:
        InputError: The number of coefficients is none of the standard's.
    """
    check_coefficients(coefficients)
    counts = np.bincount(hsv_cells(rgb).ravel(), minlength=CELLS)
    transformed = haar(quantised(counts))[_ORDER[:coefficients]]
    greatest = GREATEST[:coefficients]
    clipped: NDArray[np.int64] = np.clip(transformed - OFFSETS[:coefficients], -greatest, greatest)
    return clipped.astype(np.int16)


def check_coefficients(coefficients: int) -> None:
    """Raise InputError if the standard has no such number of coefficients."""
    if coefficients not in COEFFICIENTS:
        allowed = ", ".join(map(str, COEFFICIENTS))
        raise InputError(f"coefficients: {coefficients}, expected one of {allowed}")


def largest_norm(coefficients: int) -> float:
    """No descriptor of so many coefficients has a greater Euclidean norm."""
    return math.sqrt(int((GREATEST[:coefficients] ** 2).sum()))


def quantised(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Quantise a histogram's counts (256,), by their shares, to 11 bits and then to 4.

    15 * (x / 818.8)^0.4, rounded, for x of 2047; from 818.8, which is a share of 0.4, on it is 15.
    """
    total = int(counts.sum())
    # Halves are rounded down.
    fine = -((total - 2 * 2047 * counts) // (2 * total))
    return _FOUR_BITS[fine]


def haar(histogram: NDArray[np.int64]) -> NDArray[np.int64]:
    """Transform 256 cells by sums and differences, in place of the cells that they come from.

    Each round takes what the rounds before left as sums, in pairs of cells whose numbers differ in
    one bit, `ROUNDS`; the sum replaces the first cell, second - first the second.
    """
    cube = histogram.reshape((2,) * len(ROUNDS)).copy()
    left: list[int | slice] = [slice(None)] * len(ROUNDS)
    for bit in ROUNDS:
        axis = len(ROUNDS) - 1 - bit
        first, second = ((*left[:axis], half, *left[axis + 1 :]) for half in (0, 1))
        sums, differences = cube[first] + cube[second], cube[second] - cube[first]
        cube[first], cube[second] = sums, differences
        left[axis] = 0
    return cube.ravel()


def _order() -> NDArray[np.intp]:
    """Cells of the transformed histogram as the descriptor lists them: coarsest first.

    First the 16 of the last five rounds, by hue within saturation within value; then those of the
    fourth round, the third, the second and the first, each in the order of their cells. The cells
    of a round have its bit set, and no bit of the rounds before.
    """
    cells = np.arange(CELLS)
    listed = []
    for number in range(3, -1, -1):
        before = sum(1 << bit for bit in ROUNDS[:number])
        listed.append(cells[(cells & before == 0) & (cells >> ROUNDS[number] & 1 == 1)])
    coarsest = cells[cells & sum(1 << bit for bit in ROUNDS[:4]) == 0]
    return np.concatenate([coarsest, *listed])


_ORDER = _order()
_FOUR_BITS = np.floor(15 * np.minimum(np.arange(2048) / (0.4 * 2047), 1.0) ** 0.4 + 0.5).astype(
    np.int64
)
