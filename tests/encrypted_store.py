"""Encrypted stores made in a moment: an owner, some pictures, and servers that lie."""

import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache, partial
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from dlheir.store import CloudServer, DataOwner, OwnerKeys, Picture, QueryUser, new_policy
from dlheir.store.policy import MODES

BITS = 6  # so few that many pictures are at equal distance
ALL_MODES = pytest.mark.parametrize("mode", MODES)
SERVER_SEARCHES = pytest.mark.parametrize("mode", ["plain", "keyed"])  # in `client` users do


@dataclass
class Filled:
    """A store, its owner, and what was uploaded."""

    path: Path
    keys: OwnerKeys
    server: CloudServer
    owner: DataOwner
    pictures: list[Picture]
    codes: np.ndarray

    @property
    def ids(self) -> list[bytes]:
        """Picture ids in the order of the pictures."""
        return [self.keys.picture_id(picture.name) for picture in self.pictures]

    def user(self, server: CloudServer | None = None, seen: int = 0) -> QueryUser:
        """A user with all keys that there are now, before this or another server."""
        return QueryUser(self.keys.access(), server or self.server, seen)

    def nearest(self, queries: np.ndarray, k: int) -> tuple[list, list]:
        """Ids and distances by definition: pictures in the order (distance, id)."""
        coded = list(zip(self.codes, self.ids, strict=True))
        ranked = [
            sorted((int((query != code).sum()), picture_id) for code, picture_id in coded)[:k]
            for query in queries
        ]
        return [[i for _, i in row] for row in ranked], [[d for d, _ in row] for row in ranked]


def random_codes(seed: int, rows: int, bits: int = BITS) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, (rows, bits), dtype=np.uint8)


def make_pictures(numbers) -> list[Picture]:
    """Pictures of different lengths; the store does not look into them."""
    return [Picture(f"{n}.jpg", f"picture {n} ".encode() * (n + 1)) for n in numbers]


def with_another_code(rows: list) -> int:
    """Place of the first row whose code is not the first one's: to exchange those two is a lie."""
    return next(place for place, row in enumerate(rows) if row.code != rows[0].code)


def copy_of(store: Filled, name: str) -> Path:
    """What a server keeps of a store as it is now."""
    kept = store.path.with_name(name)
    with closing(sqlite3.connect(store.path)) as now, closing(sqlite3.connect(kept)) as copy:
        now.backup(copy)
    return kept


class Interrupted(Exception):
    """As if the process had been killed between two batches."""


def rotate_some(owner: DataOwner, pictures: int) -> None:
    """Begin a rotation and leave it when so many pictures are done."""

    def stop(_: int) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        owner.rotate(batch_size=pictures, progress=stop)


def through_a_rotation(store: Filled, pictures: int) -> Iterator[str]:
    """Come to the moments before, in the middle of and after a rotation."""
    yield "before"
    store.keys.start_version()
    rotate_some(store.owner, pictures)
    yield "in the middle"
    store.owner.rotate()
    yield "after"


def make_store(path: Path, keys: OwnerKeys, codes: np.ndarray, blobs: str | None = None) -> Filled:
    """Make a store of so many pictures; close its server in the end."""
    server = CloudServer.create(path, keys.policy, DataOwner.empty_root(keys), blobs)
    owner, pictures = DataOwner(keys, server), make_pictures(range(len(codes)))
    owner.upload(pictures, codes)
    return Filled(path, keys, server, owner, pictures, codes)


def in_every_mode(folder: Path, codes: np.ndarray) -> Iterator[Filled]:
    """Make a store in each mode, of the same pictures under the same ids."""
    naming_key = secrets.token_bytes(32)
    for mode in MODES:
        keys = OwnerKeys.generate().bind(new_policy(codes.shape[1], mode))
        store = make_store(folder / mode, replace(keys, naming_key=naming_key), codes)
        with store.server:
            yield store


@pytest.fixture(scope="session")
def _template(tmp_path_factory):
    """Make each store once: to copy its file takes no writes that wait for the disk."""
    folder = tmp_path_factory.mktemp("stores")

    @cache
    def template(mode: str, count: int, name: str) -> Filled:
        keys = OwnerKeys.generate().bind(new_policy(BITS, mode))
        keys.naming_key = sha256(name.encode()).digest()  # the same neighbours in each run
        filled = make_store(folder / f"{mode}{count}{name}", keys, random_codes(0, count))
        filled.server.close()
        return filled

    return template


@pytest.fixture
def fill(tmp_path, _template):
    """Return a store of one's own, with other keys and ids for each name.

    Where `keys` or `blobs` are given, it is made with them.
    """
    opened = []

    def fill(mode="keyed", count=30, name="store.sqlite", keys=None, blobs=None) -> Filled:
        path = tmp_path / name
        if keys or blobs:
            keys = keys or OwnerKeys.generate().bind(new_policy(BITS, mode))
            filled = make_store(path, keys, random_codes(0, count), blobs)
        else:
            made = _template(mode, count, name)
            shutil.copy(made.path, path)
            keys, server = deepcopy(made.keys), CloudServer(path)
            owner = DataOwner(keys, server)
            filled = Filled(path, keys, server, owner, list(made.pictures), made.codes)
        opened.append(filled.server)
        return filled

    yield fill
    for server in opened:
        server.close()


@pytest.fixture
def liar():
    """Open a store by a server whose named methods pass through a lie.

    A lie is a function of the truthful method and of the arguments of the call.
    """
    opened = []

    def liar(path: Path, **lies: Callable) -> CloudServer:
        server = CloudServer(path)
        opened.append(server)
        for method, lie in lies.items():
            setattr(server, method, partial(lie, getattr(server, method)))
        return server

    yield liar
    for server in opened:
        server.close()


def opened_by(user, ids):
    return {answer.name: answer.picture for answer in user.open_answers(ids)}


def everything(store):
    """Name and picture of all that the store holds, and each picture's code, as a user sees it."""
    user, ids = store.user(), store.server.picture_ids
    found = user.search(random_codes(1, 3), 10_000)
    assert sorted(found.ids[0]) == ids
    return opened_by(user, ids), found.ids.tolist(), found.distances.tolist()
