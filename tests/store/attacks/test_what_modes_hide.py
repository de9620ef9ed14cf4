"""The attacks on codes against what the store really holds in each mode."""

import numpy as np
import pytest

from dlheir.retrieval import packed_bytes, unpack
from dlheir.store.attacks import cluster_matching_attack, dictionary_attack
from dlheir.store.policy import Policy
from dlheir.store.protection import CodeProtection

BITS = 24


def stored_bits(codes, mode, version_key):
    """The bits of the stored codes as a server reads them, nonces left out."""
    protection = CodeProtection(Policy(bytes(16), BITS, mode), 1, version_key)
    ids = [number.to_bytes(16) for number in range(len(codes))]
    stored = b"".join(protection.protect(codes, ids))
    rows = np.frombuffer(stored, dtype=np.uint8).reshape(len(codes), -1)
    return unpack(np.ascontiguousarray(rows[:, -packed_bytes(BITS) :]), BITS)


def dictionary(codes, seen):
    return dictionary_attack(seen, codes.labels, codes.own, codes.own_labels).accuracy


@pytest.fixture(scope="module")
def codes(clustered):
    return clustered(BITS, classes=10, stored=4000)


def test_plain_codes_tell_everything(codes):
    assert dictionary(codes, stored_bits(codes.stored, "plain", bytes(32))) > 0.95


def test_keyed_codes_tell_nothing_until_the_transform_is_undone(codes):
    accuracies, after = [], []
    for number in range(40):
        seen = stored_bits(codes.stored, "keyed", number.to_bytes(32))
        accuracies.append(dictionary(codes, seen))
        if number < 3:
            after.append(
                dictionary(codes, cluster_matching_attack(codes.own, seen).transform.undo(seen))
            )
    # Under one key a whole class is named alike, so single figures are far apart; six deviations.
    assert np.mean(accuracies) == pytest.approx(0.1, abs=6 * np.std(accuracies) / np.sqrt(40))
    assert min(after) > 0.95


def test_client_codes_tell_nothing_at_all(codes):
    seen = stored_bits(codes.stored, "client", bytes(32))
    undone = cluster_matching_attack(codes.own, seen).transform.undo(seen)
    deviation = np.sqrt(0.1 * 0.9 / len(seen))
    assert dictionary(codes, seen) == pytest.approx(0.1, abs=6 * deviation)
    assert dictionary(codes, undone) == pytest.approx(0.1, abs=6 * deviation)
