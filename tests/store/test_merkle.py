"""The Merkle tree: one root for a set, however it came about, and proofs that prove."""

import hashlib
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlheir.store import merkle
from dlheir.store.errors import LyingServerError, StoreInputError
from dlheir.store.merkle import MerkleTree, root_from_proof
from dlheir.store.record import Leaf

# Ids that part ways at the first bit, at the last, and in between.
IDS = st.builds(
    lambda first, middle, last: bytes([first]) + bytes([middle]) * 14 + bytes([last]),
    st.sampled_from([0x00, 0x01, 0x80, 0xFF]),
    st.sampled_from([0x00, 0x10]),
    st.sampled_from([0x00, 0x01, 0x02, 0xFF]),
)


def leaf(picture_id: bytes, envelope_hash: int = 0) -> Leaf:
    return Leaf(picture_id, 1, b"code", bytes(32), envelope_hash.to_bytes(32))


def random_leaves(count: int, seed: int = 0) -> list[Leaf]:
    draw = random.Random(seed)
    return [leaf(draw.randbytes(16)) for _ in range(count)]


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def expected_root(leaves: list[Leaf], depth: int = 0) -> bytes:
    """The definition, by strings of bits, from nothing."""
    if not leaves:
        return bytes(32)
    if len(leaves) == 1:
        return leaves[0].hash
    halves: dict[str, list[Leaf]] = {"0": [], "1": []}
    for one in leaves:
        bits = "".join(f"{byte:08b}" for byte in one.picture_id)
        halves[bits[depth]].append(one)
    return sha256(
        b"\x01", expected_root(halves["0"], depth + 1), expected_root(halves["1"], depth + 1)
    )


def test_the_empty_tree_is_32_zero_bytes():
    assert MerkleTree().root == bytes(32)
    assert len(MerkleTree()) == 0


def test_small_trees_by_hand():
    zero, one, three = (leaf(bytes([top]) + bytes(15)) for top in (0x00, 0x40, 0xC0))
    assert MerkleTree([zero]).root == zero.hash
    # Bits 0... and 1...: they part at once.
    assert MerkleTree([three, zero]).root == sha256(b"\x01", zero.hash, three.hash)
    # Bits 00... and 01...: one fork with nothing to the right, then they part.
    pair = sha256(b"\x01", zero.hash, one.hash)
    assert MerkleTree([zero, one]).root == sha256(b"\x01", pair, bytes(32))
    assert MerkleTree([one, three, zero]).root == sha256(b"\x01", pair, three.hash)


def test_ids_that_differ_in_the_last_bit_alone():
    left, right = leaf(bytes(16)), leaf(bytes(15) + b"\x01")
    root = sha256(b"\x01", left.hash, right.hash)
    for _ in range(127):
        root = sha256(b"\x01", root, bytes(32))
    tree = MerkleTree([left, right])
    assert tree.root == root
    assert len(tree.prove(left.picture_id)) == 128
    tree.remove(left.picture_id)
    assert tree.root == right.hash


@given(st.lists(st.tuples(IDS, st.integers(0, 2)), max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_changes_in_any_order_end_in_the_root_of_what_is_left(changes):
    tree, left = MerkleTree(), {}
    for picture_id, change in changes:
        if change == 0 and picture_id in left:
            tree.remove(picture_id)
            del left[picture_id]
        else:
            left[picture_id] = leaf(picture_id, change)
            tree.put(left[picture_id])
        assert len(tree) == len(left)
        assert tree.root == expected_root(list(left.values()))


@given(st.sets(IDS), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_every_member_is_proved(picture_ids, draw):
    leaves = [leaf(picture_id) for picture_id in picture_ids]
    draw.shuffle(leaves)
    tree = MerkleTree(leaves)
    for one in leaves:
        assert root_from_proof(one.picture_id, one.hash, tree.prove(one.picture_id)) == tree.root


def test_a_thousand_random_leaves():
    leaves = random_leaves(1000)
    tree = MerkleTree(leaves)
    assert tree.root == expected_root(leaves)
    for one in leaves[::2]:
        tree.remove(one.picture_id)
    assert tree.root == expected_root(leaves[1::2])
    for one in leaves[1::2]:
        assert root_from_proof(one.picture_id, one.hash, tree.prove(one.picture_id)) == tree.root


def test_a_change_hashes_its_own_path_only(monkeypatch):
    leaves = random_leaves(1000)
    tree = MerkleTree(leaves)
    assert tree.root == expected_root(leaves)
    hashed = []
    counted = merkle._fork_hash
    monkeypatch.setattr(merkle, "_fork_hash", lambda *half: hashed.append(half) or counted(*half))
    assert tree.root == expected_root(leaves)
    assert not hashed
    changed = leaf(leaves[7].picture_id, 1)
    tree.put(changed)
    assert tree.root == expected_root([*leaves[:7], changed, *leaves[8:]])
    assert len(hashed) == len(tree.prove(changed.picture_id))


def test_a_proof_shows_no_other_leaf_id_or_place():
    leaves = random_leaves(64)
    tree = MerkleTree(leaves)
    for one, other in pairwise(leaves):
        proof = tree.prove(one.picture_id)
        changed = one._replace(mac=b"\x01" + one.mac[1:])
        flipped = bytes([proof[0][0] ^ 1]) + proof[0][1:]
        moved = bytes([one.picture_id[0] ^ 0x80]) + one.picture_id[1:]
        attempts = [
            (one.picture_id, changed.hash, proof),
            (one.picture_id, other.hash, proof),
            (other.picture_id, other.hash, proof),
            (moved, one.hash, proof),
            (one.picture_id, one.hash, (flipped, *proof[1:])),
            (one.picture_id, one.hash, proof[1:]),
            (one.picture_id, one.hash, proof[:-1]),
            (one.picture_id, one.hash, (*proof, bytes(32))),
            (one.picture_id, one.hash, (bytes(32), *proof)),
            (one.picture_id, one.hash, proof[::-1]),
            (one.picture_id, one.hash, ()),
        ]
        assert all(root_from_proof(*attempt) != tree.root for attempt in attempts)


def test_an_inner_node_is_no_leaf():
    """What is hashed of a leaf cannot be read as a fork, nor the other way round."""
    leaves = [leaf(bytes([top]) + bytes(15)) for top in (0x00, 0x80)]
    assert MerkleTree(leaves).root == sha256(b"\x01", leaves[0].hash, leaves[1].hash)
    assert MerkleTree(leaves).root != sha256(b"\x00", leaves[0].hash, leaves[1].hash)


@pytest.mark.parametrize(
    "proof",
    [[bytes(32)] * 129, [bytes(33), bytes(31)], [b""]],
    ids=["too long", "bytes moved from one hash to the next", "no hash"],
)
def test_what_is_no_proof_is_refused(proof):
    with pytest.raises(LyingServerError, match="proof"):
        root_from_proof(bytes(16), bytes(32), proof)


def test_what_is_not_there_is_neither_removed_nor_proved():
    present, absent = random_leaves(2)
    for tree in (MerkleTree(), MerkleTree([present])):
        root = tree.root
        with pytest.raises(KeyError):
            tree.remove(absent.picture_id)
        with pytest.raises(KeyError):
            tree.prove(absent.picture_id)
        assert tree.root == root


def test_an_id_of_another_length_is_refused():
    with pytest.raises(StoreInputError, match="17 bytes, expected 16"):
        MerkleTree([leaf(bytes(17))])
