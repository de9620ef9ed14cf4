"""The roles at work: a key file and a store, opened together and closed in order."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from dlheir.errors import InputError
from dlheir.store.errors import ConflictError
from dlheir.store.grants import open_grants
from dlheir.store.keyfile import KeyFile, Keys
from dlheir.store.keys import Access, OwnerKeys
from dlheir.store.owner import DataOwner
from dlheir.store.server import CloudServer
from dlheir.store.user import QueryUser
from dlheir.store_commands.keyfiles import open_keys

FILE = "store.sqlite"
_INDEX = "index.cache"


class OwnerAtWork(NamedTuple):
    """An owner with the keys and the store that they belong to."""

    file: KeyFile
    keys: OwnerKeys
    owner: DataOwner
    server: CloudServer


class UserAtWork(NamedTuple):
    """A query user, or the owner in this role, with a store."""

    user: QueryUser
    server: CloudServer


def open_server(folder: Path, engine: str = "auto") -> CloudServer:
    """Open the store in a server's folder.

    Raises:
        InputError: when there is none.
    """
    if not (folder / FILE).exists():
        raise InputError(f"{folder}: no store in it; dlheir store init makes one")
    return CloudServer(folder / FILE, engine, cache=folder / _INDEX)


def owners_keys(arguments: argparse.Namespace) -> tuple[KeyFile, OwnerKeys]:
    """Open the owner's key file.

    Raises:
        InputError: when it does not open, or is a query user's.
    """
    file = open_keys(arguments.keys, arguments.store)
    if not isinstance(file.keys, OwnerKeys):
        raise InputError(f"{arguments.keys}: a query user's keys; this takes the owner's")
    return file, file.keys


@contextmanager
def owning(arguments: argparse.Namespace) -> Iterator[OwnerAtWork]:
    """Open the owner's keys and store; in the end, however it comes, save the last commit seen.

    Raises:
        InputError: when either does not open, or they do not belong together.
    """
    file, keys = owners_keys(arguments)
    seen = keys.seen
    with open_server(arguments.store) as server:
        try:
            yield OwnerAtWork(file, keys, DataOwner(keys, server), server)
        finally:
            if keys.seen != seen:
                file.save()


@contextmanager
def asking(arguments: argparse.Namespace) -> Iterator[UserAtWork]:
    """Open a query user's keys, or the owner's, and a store; save the last commit seen.

    Raises:
        InputError: when either does not open, or the owner has granted this user nothing.
    """
    file = open_keys(arguments.keys, arguments.store)
    with open_server(arguments.store, arguments.engine) as server:
        access, seen = access_of(file.keys, server)
        user = QueryUser(access, server, seen)
        try:
            yield UserAtWork(user, server)
        finally:
            if user.seen != seen:
                _keep_seen(file.keys, user.seen, server)
                with suppress(ConflictError):  # another search, or the owner, has kept its own
                    file.save()


def access_of(keys: Keys, server: CloudServer) -> tuple[Access, int]:
    """Return what keys give access to in a store, and the last of its commits that they have seen.

    Raises:
        InputError: when the owner has granted this user nothing.
    """
    if isinstance(keys, OwnerKeys):
        return keys.access(), keys.seen
    access = open_grants(keys, server.grants(keys.public_key))
    return access, keys.seen.get(server.policy.store_id.hex(), 0)


def _keep_seen(keys: Keys, seen: int, server: CloudServer) -> None:
    if isinstance(keys, OwnerKeys):
        keys.seen = seen
    else:
        keys.seen[server.policy.store_id.hex()] = seen
