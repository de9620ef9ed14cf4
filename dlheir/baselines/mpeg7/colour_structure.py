"""The colour structure descriptor (CSD): in how many 8x8 neighbourhoods a colour occurs.

Sources: ISO/IEC 15938-3:2002, 6.7; Messing, van Beek and Errico, "The MPEG-7 colour structure
descriptor: image description using colour and local spatial information" (ICIP 2001). The table of
amplitudes and the merging of cells are those of the standard's reference software, published as
mubastan/mpeg7fex.
"""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dlheir.baselines.mpeg7.colour_space import FIRST_CELL, HUES, SUMS, hmmd_cells
from dlheir.errors import InputError

CELLS = 256
ELEMENT = 8
# Hues and sums of each subspace, by the number of bins; those of 32 bins join two subspaces.
_COARSER = {
    32: ((1, 4, 4, 4, 4), (8, 4, 4, 1, 1), (24, 8, 8, 4, 0)),
    64: ((1, 4, 4, 8, 8), (8, 4, 4, 2, 1), (56, 40, 24, 8, 0)),
    128: ((1, 4, 8, 8, 8), (16, 4, 4, 4, 4), (112, 96, 64, 32, 0)),
    256: (HUES, SUMS, FIRST_CELL),
}
BINS = tuple(_COARSER)
# Amplitudes in [LEAST_SHARE[i], LEAST_SHARE[i + 1]) are cut uniformly into LEVELS[i] levels.
LEAST_SHARE = (0.0, 1e-12, 0.037, 0.08, 0.195, 0.32)
LEVELS = (1, 25, 20, 35, 35, 140)

_WORD = 64
_FEW = 512


def colour_structure(rgb: NDArray[np.uint8], bins: int = 64) -> NDArray[np.uint8]:
    """Describe a picture by the colours of its neighbourhoods.

    A structuring element of 8x8 pixels slides over the picture. A bin's amplitude is the share of
    its places at which it covers the bin's colour at least once, so that a colour in crumbs weighs
    more than the same number of pixels in one piece. Pictures of more than about 362x362 pixels are
    subsampled first, by 2^p in both directions with p = floor(log2(width * height) / 2 - 7.5).
    Amplitudes are taken in 256 cells of HMMD, summed into fewer bins (at most 1 a bin), and
    quantised to 8 bits, finely where they are small.

    A picture of fewer than 8 rows or columns, which the standard leaves open, is covered by an
    element of its own height or width.

    Args:
        rgb: Levels (H, W, 3).
        bins: 32, 64, 128 or 256.

    Returns:
        Levels (bins,).

    Raises:
        InputError: The number of bins is none of the standard's.
    """
    check_bins(bins)
    height, width = rgb.shape[:2]
    step = 2 ** max(0, math.floor(math.log2(height * width) / 2 - 7.5))
    step = min(step, height, width)
    sampled = rgb[: height // step * step : step, : width // step * step : step]
    counts, places = count_places(hmmd_cells(sampled))
    merged = np.bincount(_bin_of_cell(bins), weights=counts, minlength=bins)
    return quantised(merged / places)


def check_bins(bins: int) -> None:
    """Raise InputError if the standard has no such number of bins."""
    if bins not in BINS:
        raise InputError(f"bins: {bins}, expected one of {', '.join(map(str, BINS))}")


def largest_norm(bins: int) -> float:
    """No descriptor of so many bins has a greater Euclidean norm."""
    return 255 * math.sqrt(bins)


def quantised(shares: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Cut amplitudes into 256 levels, one of them for zero; above 1 they count as 1."""
    region = np.searchsorted(LEAST_SHARE, shares, side="right") - 1
    least = np.array(LEAST_SHARE)
    width = np.diff([*LEAST_SHARE, 1.0])
    levels = np.array(LEVELS)
    first = np.cumsum(levels) - levels
    inside = (shares - least[region]) * (levels / width)[region]
    cut: NDArray[np.float64] = np.minimum(np.floor(first[region] + inside), 255)
    return cut.astype(np.uint8)


def count_places(cells: NDArray[np.uint8]) -> tuple[NDArray[np.int64], int]:
    """Count the places of the structuring element at which each cell occurs in it.

    Each pixel becomes a word with one bit for its colour; what an element covers is the OR of its
    words, found in three doublings per direction.

    Args:
        cells: Of a picture (H, W).

    Returns:
        Counts (256,), and the number of places.
    """
    rows, columns = (min(ELEMENT, side) for side in cells.shape)
    places = (cells.shape[0] - rows + 1) * (cells.shape[1] - columns + 1)
    # Pictures have far fewer colours than there are cells, and so fewer words.
    present = np.flatnonzero(np.bincount(cells.ravel(), minlength=CELLS))
    counts = np.zeros(CELLS, np.int64)
    for start in range(0, len(present), _WORD):
        colours = present[start : start + _WORD]
        word_of_cell = np.zeros(CELLS, np.dtype("<u8"))
        word_of_cell[colours] = np.uint64(1) << np.arange(len(colours), dtype=np.uint64)
        words = _covered(word_of_cell[cells], rows)
        words = _covered(words.T, columns)
        counts[colours] = _count_bits(words.ravel())[: len(colours)]
    return counts, places


def _covered(words: NDArray[np.uint64], size: int) -> NDArray[np.uint64]:
    """OR each run of `size` rows."""
    reach = 1
    while reach < size:
        step = min(reach, size - reach)
        words = words[:-step] | words[step:]
        reach += step
    return words


def _count_bits(words: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Count how many of the words (N,) have each of the 64 bits, by carry-save addition.

    Three words are added bit by bit into one of sums and one of carries, which count twice.
    """
    if len(words) <= _FEW:
        bits = np.unpackbits(words.view(np.uint8).reshape(-1, 8), axis=1, bitorder="little")
        counts: NDArray[np.int64] = bits.sum(axis=0, dtype=np.int64)
        return counts
    third = len(words) // 3
    first, second, last = words[: 3 * third].reshape(3, third)
    differs = first ^ second
    sums = np.concatenate([differs ^ last, words[3 * third :]])
    carries = (first & second) | (differs & last)
    return _count_bits(sums) + 2 * _count_bits(carries)


@lru_cache
def _bin_of_cell(bins: int) -> NDArray[np.intp]:
    """Tell the bin of each of the 256 cells: finer hues and sums lie in one coarser."""
    of_cell = np.empty(CELLS, np.intp)
    for hues, sums, first, fewer_hues, fewer_sums, first_bin in zip(
        HUES, SUMS, FIRST_CELL, *_COARSER[bins], strict=True
    ):
        hue, level = np.divmod(np.arange(hues * sums), sums)
        coarse = hue * fewer_hues // hues * fewer_sums + level * fewer_sums // sums
        of_cell[first : first + hues * sums] = first_bin + coarse
    return of_cell
