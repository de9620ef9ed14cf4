"""Stores filled without keys: the server checks no signature, so there is none."""

import random
from pathlib import Path

import numpy as np

from dlheir.retrieval import pack
from dlheir.store import CloudServer, Policy, Record, SignedRoot
from dlheir.store.merkle import EMPTY_ROOT, MerkleTree

STORE_ID = bytes(range(16))
UNSIGNED = bytes(64)


def policy(bits=12, mode="plain") -> Policy:
    return Policy(STORE_ID, bits, mode)


def create(path: Path, bits=12, mode="plain", blobs=None) -> CloudServer:
    empty = SignedRoot(STORE_ID, 0, 0, EMPTY_ROOT, UNSIGNED)
    return CloudServer.create(path, policy(bits, mode), empty, blobs)


def random_codes(seed, rows, bits=12) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, (rows, bits), dtype=np.uint8)


def records_of(codes, seed=0, key_version=1, size=50) -> list[Record]:
    """Records with these codes, as mode `plain` stores them, and bytes for everything else."""
    randbytes = random.Random(seed).randbytes
    return [
        Record(randbytes(16), key_version, code.tobytes(), randbytes(32), randbytes(size))
        for code in pack(codes)
    ]


def records(count, seed=0, **how) -> list[Record]:
    return records_of(random_codes(seed, count), seed, **how)


def sealed_anew(old: list[Record], seed=100, key_version=2, size=60) -> list[Record]:
    """The same pictures as after a change of keys."""
    randbytes = random.Random(seed).randbytes
    return [
        record._replace(key_version=key_version, mac=randbytes(32), envelope=randbytes(size))
        for record in old
    ]


def root_after(server, put=(), remove=()) -> SignedRoot:
    """What the owner would sign for a change."""
    held, leaves = server.leaves()
    tree = MerkleTree(leaves)
    for picture_id in remove:
        tree.remove(picture_id)
    for record in put:
        tree.put(record.leaf)
    return SignedRoot(held.store_id, held.sequence + 1, len(tree), tree.root, UNSIGNED)


def put(server, new) -> None:
    server.put(new, root_after(server, put=new))


def replace(server, new) -> None:
    server.replace(new, root_after(server, put=new))


def remove(server, picture_ids) -> None:
    server.remove(picture_ids, root_after(server, remove=picture_ids))


def held(server) -> tuple[SignedRoot, list[Record]]:
    """Everything that a store holds, in the order of ids."""
    return server.root, [served.record for served in server.get(server.picture_ids)]


def ids_of(some: list[Record]) -> list[bytes]:
    return [record.picture_id for record in some]


def by_id(some: list[Record]) -> list[Record]:
    return sorted(some)


def files_below(folder: Path) -> list[str]:
    """Paths of all files below a folder, sorted."""
    found = (path for path in folder.rglob("*") if not path.is_dir())
    return sorted(path.relative_to(folder).as_posix() for path in found)
