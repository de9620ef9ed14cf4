"""What pairs give away, against counting by hand and every candidate tried."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dlheir.errors import InputError
from dlheir.store.attacks import known_pairs_attack
from dlheir.store.protection import KeyedTransform

BIT = st.integers(0, 1)


def equal(found, expected):
    return all(np.array_equal(*pair) for pair in zip(found, expected, strict=True))


def test_two_bits_swapped_and_one_flipped():
    # protected = (second bit, not first bit)
    found = known_pairs_attack([[0, 0], [1, 0]], [[0, 1], [0, 0]])
    assert equal(found.transform, ([1, 0], [0, 1]))
    assert found.determined == 1
    assert found.chance == 1 / 4


def test_bits_that_change_together_stay_undetermined():
    # In these codes bits 0 and 2 always differ, bit 1 goes its own way.
    codes = np.array([[0, 0, 1], [1, 1, 0], [1, 0, 0]])
    assert known_pairs_attack(codes, codes[:, [2, 1, 0]]).determined == pytest.approx(1 / 3)


@given(
    arrays("u1", st.tuples(st.integers(1, 6), st.integers(1, 8)), elements=BIT),
    st.binary(min_size=1),
)
def test_determined_is_what_no_other_transform_explains(codes, key):
    bits = codes.shape[1]
    protected = KeyedTransform.from_key(key, bits).apply(codes)
    found = known_pairs_attack(codes, protected)
    assert np.array_equal(found.transform.apply(codes), protected)
    candidates = [
        [i for i in range(bits) for flip in (0, 1) if np.array_equal(codes[:, i] ^ flip, column)]
        for column in protected.T
    ]
    assert found.determined == np.mean([len(possible) == 1 for possible in candidates])


@given(st.integers(1, 64), st.binary(min_size=1), st.integers(0, 2**32))
def test_many_random_pairs_give_the_whole_transform(bits, key, seed):
    codes = np.random.default_rng(seed).integers(0, 2, (64, bits), dtype=np.uint8)
    transform = KeyedTransform.from_key(key, bits)
    found = known_pairs_attack(codes, transform.apply(codes))
    assert found.determined == 1
    assert equal(found.transform, transform)


@pytest.mark.parametrize(("bits", "pairs"), [(2, 2), (12, 5), (32, 6), (48, 7)])
def test_chosen_codes_are_few(bits, pairs):
    # The codes spell the number of each bit in binary, behind a code of zeros.
    numbers = np.arange(bits)
    codes = np.array([numbers * 0, *(numbers >> digit & 1 for digit in range(pairs - 1))])
    transform = KeyedTransform.from_key(b"key", bits)
    found = known_pairs_attack(codes, transform.apply(codes.astype("u1")))
    assert found.determined == 1
    assert equal(found.transform, transform)
    assert known_pairs_attack(codes[:-1], transform.apply(codes[:-1].astype("u1"))).determined < 1


@pytest.mark.parametrize(
    ("codes", "protected", "message"),
    [
        ([[0, 1]], [[0, 1], [1, 1]], "1 codes for 2 protected codes"),
        (np.zeros((0, 4), int), np.zeros((0, 4), int), "0 codes for 0"),
        ([[0, 0], [0, 1]], [[0, 0], [1, 1]], "no transform makes them"),
        ([[0, 0]], [[0, 0, 0]], "protected codes: 3 bits, expected 2"),
    ],
)
def test_refuses_what_are_no_pairs(codes, protected, message):
    with pytest.raises(InputError, match=message):
        known_pairs_attack(codes, protected)
