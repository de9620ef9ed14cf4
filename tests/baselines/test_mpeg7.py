"""MPEG-7 descriptors against values computed by hand and against slow, plain counting."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dlheir.baselines.mpeg7 import colour_structure, scalable_colour
from dlheir.baselines.mpeg7.colour_space import hmmd_cells, hsv_cells
from dlheir.baselines.mpeg7.colour_structure import count_places
from dlheir.baselines.mpeg7.scalable_colour import haar
from dlheir.errors import InputError

RED, BLUE, GREY, BLACK, WHITE = (255, 0, 0), (0, 0, 255), (128,) * 3, (0,) * 3, (255,) * 3
MUTED = (150, 120, 130)


def cell(cells, colour):
    return int(cells(np.array(colour, np.uint8)))


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        (BLACK, 0),
        (WHITE, 3 * 64),  # value 255 * 4 // 256 = 3, saturation 0, hue 0
        (GREY, 2 * 64),
        (RED, 3 * 64 + 3 * 16),  # hue 0 degrees: bin 0
        ((0, 255, 0), 3 * 64 + 3 * 16 + 5),  # 120 / 360 * 255 = 85, 85 // 16 = 5
        (BLUE, 3 * 64 + 3 * 16 + 10),  # 240 / 360 * 255 = 170, 170 // 16 = 10
        # (255 * 30) // 150 = 51, 51 // 64 = 0; hue 0 - 10 / 30 of a sixth = 5.667 sixths: 240 // 16
        (MUTED, 2 * 64 + 0 * 16 + 15),
    ],
)
def test_hsv_cell(colour, expected):
    assert cell(hsv_cells, colour) == expected


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        # Difference 0: subspace 0, its first cell 224, one hue, 32 sums.
        (BLACK, 224),
        (WHITE, 224 + 31),  # 255 * 32 / 255 = 32, at most 31
        (GREY, 224 + 16),  # 128 * 32 / 255 = 16.06
        ((132, 128, 130), 224 + 16),  # difference 4; sum 130 * 32 / 255 = 16.3
        # Difference 255: subspace 4, its first cell 0, 16 hues x 4 sums. Sum 127.5, rounded to 128:
        # (128 - 55) * 4 / (255 - 110) = 2.01; hue 0, 120 * 16 / 360 = 5.3, 240 * 16 / 360 = 10.7
        (RED, 2),
        ((0, 255, 0), 5 * 4 + 2),
        (BLUE, 10 * 4 + 2),
        # Difference 30: subspace 2, its first cell 128, 16 hues x 4 sums. Hue 340 degrees:
        # 340 * 16 / 360 = 15.1; sum 135: (135 - 10) * 4 / (255 - 20) = 2.1
        (MUTED, 128 + 15 * 4 + 2),
        # Difference 10: subspace 1, its first cell 192, 4 hues x 8 sums. Hue 60: 0; sum 105:
        # (105 - 3) * 8 / (255 - 6) = 3.3
        ((110, 110, 100), 192 + 3),
    ],
)
def test_hmmd_cell(colour, expected):
    assert cell(hmmd_cells, colour) == expected


def painted(*columns, side=16):
    """A picture of stripes: columns of (colour, width)."""
    stripes = [np.broadcast_to(np.uint8(colour), (side, width, 3)) for colour, width in columns]
    return np.concatenate(stripes, axis=1)


def levels_of(descriptor):
    return {int(bin_): int(descriptor[bin_]) for bin_ in np.flatnonzero(descriptor)}


def test_structure_of_one_colour():
    # Red is in all neighbourhoods: share 1, the greatest level. Its cell 2 of 256 has hue 0, sum 2
    # of subspace 4; with 64 bins that subspace has 8 hues x 1 sum: bin 0.
    assert levels_of(colour_structure(painted((RED, 16)))) == {0: 255}
    assert levels_of(colour_structure(painted((RED, 16)), 256)) == {2: 255}


def test_structure_of_two_colours():
    # 16 wide: 9 places of the element. Red in columns 0 to 3 is seen from places 0 to 3, 4 / 9;
    # blue in columns 4 to 15 from all. 4 / 9 = 0.444 lies in [0.32, 1], whose 140 levels begin at
    # 1 + 25 + 20 + 35 + 35 = 116: 116 + (0.4444 - 0.32) * 140 / 0.68 = 141.6.
    # Blue's hue 10 of 16 is hue 5 of 8 with 64 bins.
    assert levels_of(colour_structure(painted((RED, 4), (BLUE, 12)))) == {0: 141, 5: 255}


def test_structure_tells_crumbs_from_a_piece():
    # Half red, half grey, in stripes of one pixel: both in each neighbourhood. In two halves: each
    # colour in 8 of the 9 places, 116 + (0.8889 - 0.32) * 140 / 0.68 = 233.1. Grey, sum 16 of 32 in
    # subspace 0, is sum 4 of 8 there: bin 56 + 4.
    crumbs = painted(*[(RED, 1), (GREY, 1)] * 8)
    assert levels_of(colour_structure(crumbs)) == {0: 255, 60: 255}
    assert levels_of(colour_structure(painted((RED, 8), (GREY, 8)))) == {0: 233, 60: 233}


def test_structure_merges_bins_up_to_one():
    # Greys 0 and 20 lie in sums 0 and 2 of 32, both in sum 0 of 8: each is in 8 of 9 places, and
    # 16 / 9 counts as 1.
    picture = painted(((0,) * 3, 8), ((20,) * 3, 8))
    assert levels_of(colour_structure(picture)) == {56: 255}
    assert levels_of(colour_structure(picture, 256)) == {224: 233, 226: 233}


@pytest.mark.parametrize(
    ("share", "level"),
    [(0, 0), (1e-6, 1), (0.036, 25), (0.037, 26), (0.1, 52), (0.2, 82), (0.32, 116), (1, 255)],
)
def test_amplitudes(share, level):
    # 0.036: 1 + 0.036 * 25 / 0.037 = 25.3; 0.1: 46 + 0.02 * 35 / 0.115 = 52.1;
    # 0.2: 81 + 0.005 * 35 / 0.125 = 82.4
    from dlheir.baselines.mpeg7.colour_structure import quantised

    assert quantised(np.array([share], np.float64)) == level


def test_structure_subsamples_large_pictures():
    # log2(768 * 512) / 2 - 7.5 = 1.79: every second pixel. So a doubled picture, each pixel four
    # times, is described as the picture is.
    random = np.random.default_rng(0)
    small = random.integers(0, 256, (256, 384, 3), dtype=np.uint8)
    large = small.repeat(2, axis=0).repeat(2, axis=1)
    described = colour_structure(small, 256)
    assert described.min() < described[described > 0].mean() < 255  # not all alike
    assert np.array_equal(colour_structure(large, 256), described)


@settings(max_examples=40, deadline=None)
@given(
    arrays(
        np.uint8,
        st.tuples(st.integers(1, 20), st.integers(1, 20)),
        elements=st.sampled_from([0, 1, 63, 64, 65, 200, 255]) | st.integers(0, 255),
    )
)
def test_places_are_those_of_plain_counting(cells):
    counts, places = count_places(cells)
    height, width = (min(8, side) for side in cells.shape)
    expected, seen = np.zeros(256, int), 0
    for row in range(cells.shape[0] - height + 1):
        for column in range(cells.shape[1] - width + 1):
            expected[np.unique(cells[row : row + height, column : column + width])] += 1
            seen += 1
    assert places == seen
    assert np.array_equal(counts, expected)


def test_places_of_all_colours_in_a_large_picture():
    """More than 64 colours and more words than are unpacked at once."""
    random = np.random.default_rng(1)
    cells = random.integers(0, 256, (60, 70)).astype(np.uint8)
    windows = np.lib.stride_tricks.sliding_window_view(cells, (8, 8))
    expected = [(windows == colour).any(axis=(2, 3)).sum() for colour in range(256)]
    counts, places = count_places(cells)
    assert places == 53 * 63
    assert np.array_equal(counts, expected)


def test_scalable_of_one_colour():
    # Black: cell 0 has all, level 15. Each round adds 15 to a sum and 0 - 15 to a difference, so
    # that all coefficients but the first that touch cell 0 are -15: in the order of coefficients
    # those of rounds 8 (hue, index 2), 7 (index 1), 6 (8), 5 (4). Then the offsets 217, -71, -27,
    # -8 (index 4), -6 (index 8) are taken away from 15, -15, -15, -15, -15; the others are 0.
    offsets = np.array(
        [217, -71, -27, -54, -8, -14, -22, -29, -6, -13, -11, -22, -9, -14, -19, -22]
    )
    coefficients = np.zeros(16, int)
    coefficients[0] = 15
    coefficients[[1, 2, 4, 8]] = -15
    described = scalable_colour(painted((BLACK, 16)), 16)
    assert described.tolist() == (coefficients - offsets).tolist()


def test_scalable_clips():
    # Black again: the differences of the first four rounds are -15, too. Theirs are the first
    # coefficients from 16 (round 4, at most 7), 32 (3, at most 3), 64 (2, 1) and 128 (1, 1) on,
    # all of offset 0.
    described = scalable_colour(painted((BLACK, 16)), 256)
    assert [described[place] for place in (16, 32, 64, 128)] == [-7, -3, -1, -1]


def test_scalable_levels():
    from dlheir.baselines.mpeg7.scalable_colour import quantised

    counts = np.zeros(256, np.int64)
    counts[:4] = 400, 500, 99, 1
    # 11 bits: 818.8, 1023.5, 202.7, 2.05, rounded (halves down): 819, 1023, 203, 2. 819 and 1023
    # are above 818.8: 15. 15 * (203 / 818.8)^0.4 = 8.59: 9. 15 * (2 / 818.8)^0.4 = 1.35: 1.
    assert quantised(counts)[:5].tolist() == [15, 15, 9, 1, 0]


@settings(max_examples=50, deadline=None)
@given(arrays(np.int64, 256, elements=st.integers(0, 15)))
def test_haar_is_plain_sums_and_differences(histogram):
    """A coefficient is what its cells with the round's bit set add up to, less those without."""
    transformed = haar(histogram)
    bits = [0, 4, 6, 1, 5, 7, 2, 3]  # H S V H S V H H, finest first
    for place in range(256):
        rounds = [number for number, bit in enumerate(bits) if place >> bit & 1]
        first = rounds[0] if rounds else len(bits) - 1
        summed = sum(1 << bit for bit in bits[: first + 1])
        expected = 0
        for number in range(256):
            if number & ~summed == place & ~summed:
                positive = not rounds or number >> bits[first] & 1
                expected += histogram[number] if positive else -histogram[number]
        assert transformed[place] == expected


@pytest.mark.parametrize("describe", [colour_structure, scalable_colour])
@pytest.mark.parametrize("size", [16, 32, 64, 128, 256])
def test_sizes(describe, size):
    picture = np.random.default_rng(2).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    if (describe, size) == (colour_structure, 16):
        with pytest.raises(InputError, match="bins: 16, expected one of 32, 64, 128, 256"):
            describe(picture, size)
    else:
        assert describe(picture, size).shape == (size,)


def test_fewer_coefficients_are_the_first():
    picture = np.random.default_rng(3).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    assert np.array_equal(scalable_colour(picture, 32), scalable_colour(picture, 256)[:32])


def test_wrong_number_of_coefficients():
    with pytest.raises(InputError, match="coefficients: 60, expected one of 16, 32, 64, 128, 256"):
        scalable_colour(painted((RED, 8)), 60)


@pytest.mark.parametrize("shape", [(1, 1), (3, 100), (1, 5000), (7, 7)])
def test_small_and_narrow_pictures(shape):
    picture = np.random.default_rng(4).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert colour_structure(picture).any()
    assert math.isfinite(scalable_colour(picture).sum())
