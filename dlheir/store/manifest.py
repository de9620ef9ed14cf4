"""The manifest: all leaves of a store, summed up in a root that the owner signs."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import TypeVar

from dlheir.store import signing
from dlheir.store.errors import LyingServerError, StoreInputError
from dlheir.store.merkle import MerkleTree
from dlheir.store.record import Leaf
from dlheir.store.root import SignedRoot

Handed = TypeVar("Handed")


def sign_root(signing_key: bytes, store_id: bytes, sequence: int, tree: MerkleTree) -> SignedRoot:
    """Sign what a store holds after its commit number `sequence`.

    Args:
        signing_key: the owner's, from `signing.generate_signing_key`.
        store_id: 16 bytes.
        sequence: 0 for the empty store, then one more with each commit.
        tree: the leaves after the commit.
    """
    unsigned = SignedRoot(store_id, sequence, len(tree), tree.root, b"")
    signature = signing.sign(signing_key, signing.ROOT, unsigned.signed_bytes)
    return replace(unsigned, signature=signature)


def verify_root(owner_public: bytes, store_id: bytes, root: SignedRoot) -> None:
    """Accept a root that the owner has signed for this store.

    Whether it is the newest cannot be told from the root alone: compare its sequence with the
    highest one seen.

    Args:
        owner_public: the owner's public key, as pinned.
        store_id: 16 bytes, as pinned.
        root: what the server handed out.

    Raises:
        LyingServerError: when it is another store's, or the signature is not the owner's.
    """
    if root.store_id != store_id:
        raise LyingServerError("signed root: it is another store's")
    if not signing.verify(owner_public, signing.ROOT, root.signed_bytes, root.signature):
        raise LyingServerError("signed root: the signature is not the owner's")


def verify_leaves(
    owner_public: bytes, store_id: bytes, root: SignedRoot, leaves: Iterable[Leaf]
) -> MerkleTree:
    """Accept a whole table of leaves: none is missing, changed or added.

    Args:
        owner_public: the owner's public key, as pinned.
        store_id: 16 bytes, as pinned.
        root: what the server handed out with the leaves.
        leaves: the table.

    Returns:
        The tree over the leaves.

    Raises:
        LyingServerError: when the root is not the owner's, or not of these leaves.
    """
    verify_root(owner_public, store_id, root)
    rows = list(leaves)
    try:
        tree = MerkleTree(rows)
    except (StoreInputError, OverflowError):  # ids or numbers of another length
        raise LyingServerError("table of codes: it holds rows that are none") from None
    # In the tree a second row of one picture takes the first one's place; in the table it is more.
    if (len(rows), len(tree), tree.root) != (root.count, root.count, root.root):
        raise LyingServerError("table of codes: it is not the one that the owner signed for")
    return tree


def one_each(
    picture_ids: Sequence[bytes], handed_out: Iterable[Handed]
) -> Iterator[tuple[bytes, Handed]]:
    """Pair the pictures asked for with what the server handed out for them.

    Raises:
        LyingServerError: on reaching the end of one before that of the other.
    """
    for picture_id, handed in zip_longest(picture_ids, handed_out):
        if picture_id is None or handed is None:
            raise LyingServerError("server: it hands out another number of pictures than asked for")
        yield picture_id, handed
