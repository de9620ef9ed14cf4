"""Codes: thresholds, packing, comparison."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dlheir.errors import InputError
from dlheir.retrieval import (
    binarize,
    check_codes,
    compare_codes,
    median_thresholds,
    pack,
    packed_bytes,
    unpack,
)

ANY_CODES = st.tuples(st.integers(0, 9), st.integers(1, 200)).flatmap(
    lambda shape: hnp.arrays(np.uint8, shape, elements=st.integers(0, 1))
)


def one_line(error: pytest.ExceptionInfo[InputError]) -> bool:
    return "\n" not in str(error.value) and len(str(error.value)) > 20


def test_a_bit_is_set_at_and_above_the_threshold():
    codes = binarize(np.array([[0.4, 0.5, 0.6]], dtype=np.float32), 0.5)
    assert codes.dtype == np.uint8
    assert codes.tolist() == [[0, 1, 1]]


def test_each_bit_may_have_its_own_threshold():
    assert binarize([[0.3, 0.3]], [0.2, 0.4]).tolist() == [[1, 0]]


def test_median_thresholds_lie_midway_between_the_middle_activations():
    thresholds = median_thresholds(np.array([[0.1, 0.9], [0.2, 0.8], [0.6, 0.3], [0.9, 0.1]]))
    assert thresholds.shape == (2,)
    assert thresholds == pytest.approx([0.4, 0.55])


def test_median_thresholds_set_each_bit_in_half_of_the_pictures():
    activations = np.random.default_rng(0).random((100, 48), dtype=np.float32)
    codes = binarize(activations, median_thresholds(activations))
    assert (codes.sum(axis=0) == 50).all()


@pytest.mark.parametrize(
    ("bits", "width"), [(1, 4), (12, 4), (24, 4), (32, 4), (33, 8), (48, 8), (64, 8), (65, 16)]
)
def test_packed_codes_are_four_bytes_or_a_multiple_of_eight(bits, width):
    assert packed_bytes(bits) == width
    packed = pack(np.ones((3, bits), dtype=np.uint8))
    assert packed.shape == (3, width)
    assert packed.flags.c_contiguous
    assert np.bitwise_count(packed).sum(axis=1).tolist() == [bits] * 3  # the padding is zero


def test_the_first_bit_is_the_highest():
    assert pack([[1, 0, 0, 0, 0, 0, 0, 0, 1]]).tolist() == [[0x80, 0x80, 0, 0]]


@given(ANY_CODES)
def test_unpack_undoes_pack(codes):
    assert np.array_equal(unpack(pack(codes), codes.shape[1]), codes)


def test_comparison_judges_bits_that_are_clear_of_the_threshold_on_both_sides():
    comparison = compare_codes(
        codes_a=[[0, 0, 0, 0]],
        codes_b=[[0, 1, 1, 1]],
        margins_a=[[-0.1, -0.1, -1e-6, -1e-5]],
        margins_b=[[-0.1, 0.1, 0.1, 1e-5]],
    )
    assert comparison == (2, 1, 4)  # the second and the last differ; the third is borderline
    assert not comparison.same


def test_codes_that_differ_only_in_borderline_bits_are_the_same():
    comparison = compare_codes([[0, 1]], [[1, 1]], [[-9e-6, 0.3]], [[9e-6, 0.3]])
    assert comparison == (0, 1, 2)
    assert comparison.same


def test_a_wider_tolerance_judges_fewer_bits():
    codes, margins = np.ones((1, 2)).astype(int), [[0.01, 0.3]]
    assert compare_codes(codes, codes, margins, margins).borderline == 0
    assert compare_codes(codes, codes, margins, margins, tolerance=0.1).borderline == 1


@pytest.mark.parametrize(
    ("codes", "what"),
    [
        ([[0, 2]], "other than 0 and 1"),
        ([[0, -1]], "other than 0 and 1"),
        ([0, 1], "shape"),
        (np.zeros((2, 0), dtype=np.uint8), "shape"),
        ([[0.0, 1.0]], "float64"),
        ([["0"]], "binarize"),
    ],
)
def test_what_is_no_code_is_refused(codes, what):
    with pytest.raises(InputError, match=what) as error:
        pack(codes)
    assert one_line(error)


def test_codes_of_another_length_are_refused_by_name():
    with pytest.raises(InputError, match="query codes: 2 bits, expected 3"):
        check_codes([[0, 1]], "query codes", 3)


def test_boolean_codes_are_taken():
    assert check_codes(np.array([[True, False]])).dtype == np.uint8


@pytest.mark.parametrize(
    "call",
    [
        lambda: binarize([0.1, 0.2], 0.5),
        lambda: binarize([[0.1, 0.2]], [0.5]),
        lambda: binarize([[0.1, 0.2]], [[0.5, 0.5]]),
        lambda: binarize([[0.1, np.nan]], 0.5),
        lambda: median_thresholds(np.zeros((0, 4))),
        lambda: median_thresholds([[np.nan]]),
        lambda: packed_bytes(0),
        lambda: unpack(np.zeros((2, 8), dtype=np.uint8), 12),
        lambda: unpack(np.zeros((2, 4), dtype=np.int64), 12),
        lambda: compare_codes([[0, 1]], [[0, 1]], [[0.1]], [[0.1]]),
        lambda: compare_codes([[0, 1]], [[0, 1], [0, 1]], [[0.1, 0.1]], [[0.1, 0.1]]),
    ],
)
def test_wrong_input_is_refused_in_one_line(call):
    with pytest.raises(InputError) as error:
        call()
    assert one_line(error)
