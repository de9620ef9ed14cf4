"""One ranking in all three modes, whatever keys the codes are under at the moment.

With the codes of trained networks: tests/soak/test_modes_trained.py.
"""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from encrypted_store import in_every_mode, through_a_rotation
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.mark.parametrize("bits", [12, 48])
@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    kinds=st.integers(1, 6),
    count=st.integers(1, 30),
    moved=st.integers(1, 30),
    k=st.integers(1, 31),
)
def test_every_mode_ranks_alike_before_during_and_after_a_rotation(
    bits, seed, kinds, count, moved, k
):
    """So few kinds of codes that most pictures are at the same distance as others."""
    random = np.random.default_rng(seed)
    codes = random.integers(0, 2, (kinds, bits), dtype=np.uint8)[random.integers(0, kinds, count)]
    queries = np.vstack([codes[:2], random.integers(0, 2, (2, bits), dtype=np.uint8)])
    with tempfile.TemporaryDirectory() as folder:
        for store in in_every_mode(Path(folder), codes):
            expected = store.nearest(queries, k)
            for moment in through_a_rotation(store, moved):
                for complete in (False, True):
                    answers = store.user().search(queries, k, complete)
                    found = answers.ids.tolist(), answers.distances.tolist()
                    assert found == expected, (store.keys.policy.mode, moment)
