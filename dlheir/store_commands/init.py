"""`dlheir store init`: an empty store."""

import argparse
from pathlib import Path

from dlheir.checkpoints import read_registry
from dlheir.console import console
from dlheir.errors import InputError
from dlheir.output import say
from dlheir.store.blobs import open_blobs
from dlheir.store.keyfile import KeyFile
from dlheir.store.keys import OwnerKeys, new_policy
from dlheir.store.owner import DataOwner
from dlheir.store.policy import MODES, Policy
from dlheir.store.server import CloudServer
from dlheir.store_commands.arguments import add_checkpoint, add_keys, add_store, checkpoint_of
from dlheir.store_commands.roles import FILE, open_server, owners_keys

DESCRIPTION = """\
Make an empty store in the server's folder DIR, for the owner's keys and one network.

From then on the keys belong to this store, and the store takes codes of this network alone.
--codes says what the server sees of them, the answers being the same:
  client   nothing but their number: users download the sealed codes and search them themselves
  keyed    codes under a secret transform that keeps distances: which pictures are alike; whoever
           has the checkpoint finds the transform out
  plain    all of it, as in the paper: which pictures are alike, and with the network of what kind
dlheir/store/THREATS.md has the whole of it."""
EXAMPLE = """\
example:
  dlheir store init photos.store --keys owner.keys --checkpoint last.ckpt"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    add_store(parser)
    add_keys(parser)
    add_checkpoint(parser)
    parser.add_argument(
        "--codes",
        choices=MODES,
        default="client",
        help="how codes are protected; client if not said",
    )
    parser.add_argument(
        "--blobs",
        metavar="FOLDER|URL",
        help="keep sealed pictures there, in a folder or at an fsspec URL, not in the database",
    )


def run(arguments: argparse.Namespace) -> None:
    """Bind the keys, then make the store; after a kill in between, go on."""
    file, keys = owners_keys(arguments)
    policy = _policy(arguments, keys)
    folder: Path = arguments.store
    if (folder / FILE).exists():
        with open_server(folder) as server:
            if server.policy != policy:
                raise InputError(f"{folder}: holds a store already; choose another folder")
        say(f"{folder}: this store is there already")
        return
    if keys.seen > 0:
        raise InputError(
            f"{arguments.keys}: their store has pictures and is not in {folder}; bring it back, or "
            "make new keys for a new one"
        )
    _create(folder, file, keys, policy, arguments.blobs)
    _warn_of_published(policy)
    say(f"{folder}: an empty store, {policy.bits} bits, codes {policy.mode}")


def _policy(arguments: argparse.Namespace, keys: OwnerKeys) -> Policy:
    """Return the settings asked for; of keys that are bound already they have to be theirs."""
    from dlheir.hashing import open_hasher

    hasher = open_hasher(checkpoint_of(arguments))
    asked = new_policy(hasher.bits, arguments.codes, bytes.fromhex(hasher.checkpoint_sha256))
    if keys.bound is None:
        return asked
    if keys.bound != Policy(keys.bound.store_id, asked.bits, asked.mode, asked.network):
        raise InputError(
            f"{arguments.keys}: belong to a store with another network or other codes; make new "
            "keys for a new store"
        )
    return keys.bound


def _warn_of_published(policy: Policy) -> None:
    """Say so where everybody has what undoes the codes' protection."""
    if policy.mode != "keyed":
        return
    for name, entry in read_registry().entries.items():
        if entry.sha256 == policy.network.hex():
            line = (
                f"{name} is published: with it, a server sees in keyed codes what it sees in plain"
            )
            console.print(f"{line} ones; --codes client hides them", soft_wrap=True)


def _create(
    folder: Path, file: KeyFile, keys: OwnerKeys, policy: Policy, blobs: str | None
) -> None:
    place = _place_of_blobs(folder, blobs)
    _make(folder)
    # Keys first: a store whose keys were lost in between could never be used.
    keys.bind(policy)
    file.save()
    CloudServer.create(folder / FILE, policy, DataOwner.empty_root(keys), place).close()


def _place_of_blobs(folder: Path, blobs: str | None) -> str | None:
    """Make the folder of the sealed pictures; inside of DIR it is named so that DIR can move."""
    if blobs is None:
        return None
    if "://" in blobs:
        open_blobs(blobs)  # refuses what is none
        return blobs
    place = Path(blobs)
    _make(place)
    inside = place.resolve().is_relative_to(folder.resolve())
    return str(place.resolve().relative_to(folder.resolve()) if inside else place.resolve())


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"{folder}: there is a file in the way of this folder") from None
