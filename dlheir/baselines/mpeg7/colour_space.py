"""From RGB levels to cells of MPEG-7's two quantised colour spaces.

Sources: ISO/IEC 15938-3:2002, 6.3 and 6.7; Manjunath, Ohm, Vasudevan and Yamada, "Color and Texture
Descriptors" (IEEE Trans. Circuits and Systems for Video Technology 11(6), 2001). Rounding is that
of the standard's reference software (ISO/IEC 15938-6), published as mubastan/mpeg7fex. One
difference: there, a red with equal green and blue gets hue 360 degrees in HSV and with it the last
bin; here it has hue 0, as the standard's formula says.
"""

import numpy as np
from numpy.typing import NDArray

# HMMD in 256 cells, one entry a subspace: the least difference of its colours, and how finely hue
# and sum are cut in it.
LEAST_DIFFERENCE = (0, 6, 20, 60, 110)
HUES = (1, 4, 16, 16, 16)
SUMS = (32, 8, 4, 4, 4)
# Subspaces are numbered from the outside, the most colourful, to the greys.
FIRST_CELL = (224, 192, 128, 64, 0)

_DEGREES = 360


def hsv_cells(rgb: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Quantise colours uniformly in HSV: 16 hues, 4 saturations, 4 values.

    Args:
        rgb: Levels (..., 3), 0 to 255.

    Returns:
        Cells (...), 0 to 255: 64 * value + 16 * saturation + hue. Black and greys have hue and
        saturation 0.
    """
    greatest, difference, sixths = _hue(rgb)
    saturation = 255 * difference // np.maximum(greatest, 1)
    hue = 255 * sixths // np.maximum(6 * difference, 1)
    return ((greatest >> 6 << 6) | (saturation >> 6 << 4) | (hue >> 4)).astype(np.int64)


def hmmd_cells(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Quantise colours in HMMD (hue, max, min, difference) into the 256 cells of the standard.

    The difference max - min chooses the subspace, [0, 6), [6, 20), [20, 60), [60, 110) or
    [110, 255]; hue and sum, (max + min) / 2, are cut uniformly in it.

    Args:
        rgb: Levels (..., 3), 0 to 255.

    Returns:
        Cells (...), 0 to 255.
    """
    greatest, difference, sixths = _hue(rgb)
    # Half a degree, and half a level, are rounded up.
    degrees = (120 * sixths + difference) // np.maximum(2 * difference, 1) % _DEGREES
    sums = greatest - (difference >> 1)
    cells: NDArray[np.uint8] = (
        _CELL_OF_SUM[difference, sums] + _CELL_OF_HUE[_SUBSPACE[difference], degrees]
    )
    return cells


def _hue(
    rgb: NDArray[np.uint8],
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Return max, max - min, and hue: sixths of the circle, in [0, 6), times max - min."""
    red, green, blue = (rgb[..., channel].astype(np.int32) for channel in range(3))
    greatest = np.maximum(np.maximum(red, green), blue)
    difference = greatest - np.minimum(np.minimum(red, green), blue)
    sixths = np.where(
        red == greatest,
        green - blue,
        np.where(green == greatest, blue - red + 2 * difference, red - green + 4 * difference),
    )
    return greatest, difference, np.where(sixths < 0, sixths + 6 * difference, sixths)


def _tables() -> tuple[NDArray[np.intp], NDArray[np.uint8], NDArray[np.uint8]]:
    """Tabulate subspaces by difference, and what sum and hue add to the number of the cell."""
    levels = np.arange(256)
    subspace = np.searchsorted(LEAST_DIFFERENCE, levels, side="right") - 1
    least = np.array(LEAST_DIFFERENCE)[subspace][:, None]
    sums = np.array(SUMS)[subspace][:, None]
    cut = (2 * levels - least) * sums // (2 * (255 - least))
    of_sum = np.array(FIRST_CELL)[subspace][:, None] + np.clip(cut, 0, sums - 1)
    hues = np.arange(_DEGREES) * np.array(HUES)[:, None] // _DEGREES
    return subspace, of_sum.astype(np.uint8), (hues * np.array(SUMS)[:, None]).astype(np.uint8)


_SUBSPACE, _CELL_OF_SUM, _CELL_OF_HUE = _tables()
