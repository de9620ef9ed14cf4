"""Codes with labels, for the tests of what is measured on them."""

from itertools import permutations, product

import numpy as np
from hypothesis import strategies as st


def at_distances(distances, bits):
    """Codes that lie at these distances from the all-zero query."""
    return np.array([[1] * d + [0] * (bits - d) for d in distances], dtype=np.uint8)


def orders_of_ties(distances):
    """Every order of the rows that is sorted by distance."""
    groups = [[row for row, d in enumerate(distances) if d == at] for at in sorted(set(distances))]
    for parts in product(*(permutations(group) for group in groups)):
        yield [row for part in parts for row in part]


def random_set(seed, queries, database, bits, classes):
    rng = np.random.default_rng(seed)
    return (
        rng.integers(0, 2, (queries, bits), dtype=np.uint8),
        rng.integers(0, classes, queries),
        rng.integers(0, 2, (database, bits), dtype=np.uint8),
        rng.integers(0, classes, database),
    )


@st.composite
def sets(draw):
    """Few codes and few classes, so that ties are many."""
    bits = draw(st.integers(1, 8))
    seed = draw(st.integers(0, 2**32 - 1))
    queries, database = draw(st.integers(1, 6)), draw(st.integers(1, 40))
    return random_set(seed, queries, database, bits, draw(st.integers(1, 4)))
