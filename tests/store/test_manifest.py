"""Who may sign what a store holds."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from dlheir.store import signing
from dlheir.store.errors import LyingServerError
from dlheir.store.manifest import sign_root, verify_root
from dlheir.store.merkle import MerkleTree
from dlheir.store.record import Leaf
from dlheir.store.root import SignedRoot

SEED = signing.generate_signing_key()
PUBLIC = signing.public_key(SEED)
STORE = b"one store's id.."
TREE = MerkleTree(Leaf(bytes([n]) * 16, 1, b"code", bytes(32), bytes(32)) for n in range(3))


def test_the_root_of_a_tree_is_signed_over_the_documented_bytes():
    root = sign_root(SEED, STORE, 7, TREE)
    assert (root.store_id, root.sequence, root.count, root.root) == (STORE, 7, 3, TREE.root)
    Ed25519PublicKey.from_public_bytes(PUBLIC).verify(
        root.signature, b"dlheir root 1\0" + root.encode()[:69]
    )
    verify_root(PUBLIC, STORE, root)


def test_every_changed_byte_of_a_root_is_refused():
    encoded = sign_root(SEED, STORE, 7, TREE).encode()
    for place in range(5, len(encoded)):
        changed = bytearray(encoded)
        changed[place] ^= 1 << place % 8
        with pytest.raises(LyingServerError):
            verify_root(PUBLIC, STORE, SignedRoot.decode(bytes(changed)))


def test_another_stores_root_is_refused():
    root = sign_root(SEED, b"another store id", 7, TREE)
    with pytest.raises(LyingServerError, match="another store's"):
        verify_root(PUBLIC, STORE, root)
    with pytest.raises(LyingServerError, match="not the owner's"):
        verify_root(PUBLIC, STORE, replace(root, store_id=STORE))


def test_another_owners_root_is_refused():
    root = sign_root(signing.generate_signing_key(), STORE, 7, TREE)
    with pytest.raises(LyingServerError, match="not the owner's"):
        verify_root(PUBLIC, STORE, root)


def test_a_signature_made_as_a_grants_is_none_of_a_root():
    root = sign_root(SEED, STORE, 7, TREE)
    as_grant = signing.sign(SEED, signing.GRANT, root.signed_bytes)
    with pytest.raises(LyingServerError, match="not the owner's"):
        verify_root(PUBLIC, STORE, replace(root, signature=as_grant))
