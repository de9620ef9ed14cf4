"""Recovering the transform without pairs, against the key and against every transform tried."""

from itertools import permutations, product

import numpy as np
import pytest

from dlheir.errors import InputError
from dlheir.store.attacks import cluster_matching_attack
from dlheir.store.protection import KeyedTransform


def recovered(found, transform):
    right = (found.permutation == transform.permutation) & (found.pad == transform.pad)
    return right.mean()


def moments_misfit(own, codes):
    """How far the means and pairwise products of bits as -1, +1 are apart, from the definition."""

    def moments(bits):
        signed = np.hstack([np.ones((len(bits), 1)), 2.0 * bits - 1])
        return np.einsum("ni,nj->ij", signed, signed) / len(signed)

    return ((moments(own) - moments(codes)) ** 2).sum()


@pytest.mark.parametrize("bits", [12, 24, 32, 48, 64])
def test_recovers_every_bit_from_other_pictures(clustered, bits):
    codes = clustered(bits)
    transform = KeyedTransform.from_key(b"key", bits)
    found = cluster_matching_attack(codes.own, transform.apply(codes.stored))
    assert recovered(found.transform, transform) == 1
    assert found.chance == 1 / (2 * bits)


def test_finds_one_key_as_well_as_another(clustered):
    codes = clustered(24)
    for key in (b"one", b"two", b"three"):
        transform = KeyedTransform.from_key(key, 24)
        found = cluster_matching_attack(codes.own, transform.apply(codes.stored))
        assert recovered(found.transform, transform) == 1


@pytest.mark.parametrize("seed", range(4))
def test_two_pictures_a_class_are_enough(clustered, seed):
    codes = clustered(24, classes=30, own=60, seed=seed)
    transform = KeyedTransform.from_key(b"key", 24)
    found = cluster_matching_attack(codes.own, transform.apply(codes.stored))
    assert recovered(found.transform, transform) == 1


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("bits", [1, 2, 4])
def test_no_transform_fits_better(bits, seed):
    random = np.random.default_rng(seed)
    likely = random.random((2, 8, bits))  # two mixtures, so that nothing fits exactly
    own, seen = (
        (random.random((50, bits)) < part[random.integers(0, 8, 50)]).astype("u1")
        for part in likely
    )
    found = cluster_matching_attack(own, seen).transform
    best = min(
        moments_misfit(own, KeyedTransform(np.array(p), np.array(pad, "u1")).undo(seen))
        for p in permutations(range(bits))
        for pad in product((0, 1), repeat=bits)
    )
    assert moments_misfit(own, found.undo(seen)) == pytest.approx(best, abs=1e-6)


def test_learns_nothing_from_codes_without_a_shape():
    random = np.random.default_rng(0)
    own, stored = random.integers(0, 2, (2, 1000, 24), dtype=np.uint8)
    transform = KeyedTransform.from_key(b"key", 24)
    found = cluster_matching_attack(own, transform.apply(stored))
    assert recovered(found.transform, transform) < 0.15


def test_refuses_codes_of_two_lengths():
    with pytest.raises(InputError, match="protected codes: 3 bits, expected 2"):
        cluster_matching_attack([[0, 1]], [[0, 1, 1]])
