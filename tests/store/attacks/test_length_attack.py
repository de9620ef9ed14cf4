"""Anonymity sets of lengths, by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlheir.store.attacks import LengthMatching, length_attack
from dlheir.store.content import padme


def test_sets_by_hand():
    # 1000 is alone, two share 1010, three share 2000: (1 + 2/2 + 3/3) / 6 are guessed rightly.
    found = length_attack([1010, 2000, 1000, 2000, 1010, 2000])
    assert found == LengthMatching(
        unique=pytest.approx(1 / 6),
        identified=3 / 6,
        anonymity_set=2.5,
        chance=pytest.approx(1 / 6),
    )


def test_padding_puts_pictures_together():
    # From 4096 to 8191 a padded length is a multiple of 2^(12 - 4) = 256.
    lengths = [5000, 5010, 5120, 5121]
    assert length_attack(lengths).unique == 1
    assert [padme(length) for length in lengths] == [5120, 5120, 5120, 5376]
    found = length_attack([padme(length) for length in lengths])
    assert (found.unique, found.identified, found.anonymity_set) == (1 / 4, 2 / 4, 3)


@given(st.lists(st.integers(0, 10**6), min_size=1))
def test_padding_never_helps_the_attacker(lengths):
    before, after = length_attack(lengths), length_attack([padme(length) for length in lengths])
    assert after.unique <= before.unique
    assert after.identified <= before.identified + 1e-12
    assert before.identified >= before.chance - 1e-12


def test_a_constant_more_changes_nothing():
    lengths = np.array([3, 3, 9, 11])
    assert length_attack(lengths) == length_attack(lengths + 102)
