"""Hash centres: distinct, far apart, the same everywhere."""

import hashlib
import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from objective_cases import BITS

from dlheir.errors import InputError
from dlheir.objectives import hash_centres


def smallest_distance(codes):
    rows = codes.tolist()
    return min(
        sum(a != b for a, b in zip(one, other, strict=True))
        for one, other in itertools.combinations(rows, 2)
    )


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 130), st.integers(1, 66))
def test_distinct_codes_of_every_size(classes, bits):
    if classes > 2**bits:
        with pytest.raises(InputError, match=f"{bits} bits are for at most {2**bits}"):
            hash_centres(classes, bits)
        return
    codes = hash_centres(classes, bits)
    assert codes.shape == (classes, bits)
    assert codes.dtype == torch.uint8
    assert set(codes.flatten().tolist()) <= {0, 1}
    assert len({tuple(row) for row in codes.tolist()}) == classes


@pytest.mark.parametrize(
    ("classes", "distances"),
    [
        # The largest there are, by Plotkin's bound and tables of A(n, d).
        (50, (4, 11, 16, 24)),
        (24, (6, 12, 16, 24)),
        (100, (4, 10, 14, 23)),
    ],
)
def test_minimum_distances(classes, distances):
    found = tuple(smallest_distance(hash_centres(classes, bits)) for bits in BITS)
    assert found == distances


@pytest.mark.parametrize("bits", BITS)
def test_centres_of_a_hadamard_matrix_are_orthogonal(bits):
    codes = 2 * hash_centres(bits, bits).long() - 1
    assert (codes @ codes.T == bits * torch.eye(bits)).all()
    # With twice as many classes, each code's opposite is another class's.
    codes = 2 * hash_centres(2 * bits, bits).long() - 1
    products = (codes @ codes.T)[~torch.eye(2 * bits, dtype=torch.bool)]
    assert set(products.tolist()) == {0, -bits}


@pytest.mark.parametrize("classes", [40, 48, 50, 100])
@pytest.mark.parametrize("bits", BITS)
def test_every_bit_is_one_for_some_third_to_two_thirds_of_the_classes(classes, bits):
    share = hash_centres(classes, bits).double().mean(dim=0)
    assert share.min() > 1 / 3
    assert share.max() < 2 / 3


def test_are_the_same_on_every_machine():
    # Stored networks and results depend on them.
    digest = hashlib.sha256()
    for classes, bits in itertools.product((10, 50, 100), BITS):
        digest.update(hash_centres(classes, bits).numpy().tobytes())
    assert digest.hexdigest()[:16] == "8d9baf16995c446d"


def test_too_many_classes():
    with pytest.raises(InputError, match="5000 classes; hash centres of 48 bits are for at most"):
        hash_centres(5000, 48)
