"""The Merkle tree over a store's leaves: one hash for all of them, a short proof for each.

A binary trie over the bits of the picture ids, the highest bit first. A subtree hashes to

- 32 zero bytes where it is empty,
- the leaf's own hash where it holds one leaf,
- SHA-256(0x01 || hash of the left half || hash of the right half) otherwise; in the left half of a
  subtree at depth d are the ids whose bit d is 0.

So a set of leaves has one root, in whatever order they came, and a change touches one path.
"""

import hashlib
from collections.abc import Iterable, Sequence

from dlheir.store.errors import LyingServerError, StoreInputError
from dlheir.store.record import HASH_BYTES, PICTURE_ID_BYTES, Leaf

EMPTY_ROOT = bytes(HASH_BYTES)
MAX_DEPTH = 8 * PICTURE_ID_BYTES


class MerkleTree:
    """A set of leaves, at most one for each picture id.

    Args:
        leaves: what it holds at first.
    """

    def __init__(self, leaves: Iterable[Leaf] = ()) -> None:
        self._top: _Subtree = None
        self._count = 0
        for leaf in leaves:
            self.put(leaf)

    def __len__(self) -> int:
        return self._count

    @property
    def root(self) -> bytes:
        """The 32 bytes that stand for the whole set; only what changed is hashed again."""
        return _hash(self._top)

    def put(self, leaf: Leaf) -> None:
        """Add a leaf, in place of the one with the same picture id if there is one.

        Raises:
            StoreInputError: when the picture id is not 16 bytes.
        """
        new = _Tip(_path(leaf.picture_id), leaf.hash)
        forks, old = self._walk(new.path)
        if old is None or old.path != new.path:
            self._count += 1
        if old is None or old.path == new.path:
            self._hang(new, forks, new.path)
        else:
            self._hang(_part(old, new, len(forks)), forks, new.path)

    def remove(self, picture_id: bytes) -> None:
        """Take a leaf out.

        Raises:
            KeyError: when there is none of this id.
        """
        path = _path(picture_id)
        forks = self._find(path)
        rest: _Subtree = None
        if forks and isinstance(lonely := _sibling(forks, path), _Tip):
            # It moves up to where it would stand had the removed leaf never been there.
            rest = lonely
            forks.pop()
            while forks and _sibling(forks, path) is None:
                forks.pop()
        self._hang(rest, forks, path)
        self._count -= 1

    def prove(self, picture_id: bytes) -> tuple[bytes, ...]:
        """Return what `root_from_proof` needs besides the leaf.

        Returns:
            The hash of the other half at each fork on the way to the leaf, from the root down.

        Raises:
            KeyError: when there is no leaf of this id.
        """
        path = _path(picture_id)
        forks = self._find(path)
        return tuple(_hash(_sibling(forks[:depth], path)) for depth in range(1, len(forks) + 1))

    def _walk(self, path: int) -> "tuple[list[_Fork], _Tip | None]":
        """Return the forks on the way to where `path` belongs, and the leaf that stands there."""
        forks = []
        subtree = self._top
        while isinstance(subtree, _Fork):
            forks.append(subtree)
            subtree = subtree.halves[_bit(path, len(forks) - 1)]
        return forks, subtree

    def _find(self, path: int) -> "list[_Fork]":
        forks, leaf = self._walk(path)
        if leaf is None or leaf.path != path:
            raise KeyError(path.to_bytes(PICTURE_ID_BYTES))
        return forks

    def _hang(self, subtree: "_Subtree", forks: "list[_Fork]", path: int) -> None:
        """Put a subtree under the last of these forks, where `path` leads."""
        if forks:
            forks[-1].halves[_bit(path, len(forks) - 1)] = subtree
        else:
            self._top = subtree
        for fork in forks:
            fork.hash = None


def root_from_proof(picture_id: bytes, leaf_hash: bytes, proof: Sequence[bytes]) -> bytes:
    """Return the root of the tree that the proof was made from, if the leaf is in it.

    Args:
        picture_id: 16 bytes, those that were asked for.
        leaf_hash: `Leaf.hash` of what was answered.
        proof: what `MerkleTree.prove` returned.

    Returns:
        32 bytes. The leaf is a member where they equal a root that the owner signed.

    Raises:
        LyingServerError: when the proof is none, whatever the leaf.
    """
    if len(proof) > MAX_DEPTH or any(len(sibling) != HASH_BYTES for sibling in proof):
        raise LyingServerError(f"picture {picture_id.hex()}: the server's proof is none")
    path = _path(picture_id)
    subtree_hash = leaf_hash
    for depth in reversed(range(len(proof))):
        halves = [subtree_hash, proof[depth]]
        if _bit(path, depth):
            halves.reverse()
        subtree_hash = _fork_hash(*halves)
    return subtree_hash


class _Tip:
    """A subtree of one leaf."""

    __slots__ = ("hash", "path")

    def __init__(self, path: int, leaf_hash: bytes) -> None:
        self.path = path
        self.hash = leaf_hash


class _Fork:
    """A subtree of two leaves or more; its hash is None from a change below to the next `root`."""

    __slots__ = ("halves", "hash")

    def __init__(self, *halves: "_Subtree") -> None:
        self.halves = list(halves)
        self.hash: bytes | None = None


_Subtree = _Tip | _Fork | None


def _path(picture_id: bytes) -> int:
    if len(picture_id) != PICTURE_ID_BYTES:
        raise StoreInputError(f"picture id: {len(picture_id)} bytes, expected {PICTURE_ID_BYTES}")
    return int.from_bytes(picture_id)


def _bit(path: int, depth: int) -> int:
    return path >> (MAX_DEPTH - 1 - depth) & 1


def _sibling(forks: Sequence[_Fork], path: int) -> _Subtree:
    """Return the half of the last fork that `path` does not take."""
    return forks[-1].halves[1 - _bit(path, len(forks) - 1)]


def _part(old: _Tip, new: _Tip, depth: int) -> _Fork:
    """Return the subtree, at this depth, of two leaves with different ids."""
    parting = MAX_DEPTH - (old.path ^ new.path).bit_length()
    fork = _Fork(new, old) if _bit(old.path, parting) else _Fork(old, new)
    for above in reversed(range(depth, parting)):
        fork = _Fork(None, fork) if _bit(new.path, above) else _Fork(fork, None)
    return fork


def _hash(subtree: _Subtree) -> bytes:
    if subtree is None:
        return EMPTY_ROOT
    if subtree.hash is None:  # at most 128 forks deep, so the recursion is
        subtree.hash = _fork_hash(*map(_hash, subtree.halves))
    return subtree.hash


def _fork_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
