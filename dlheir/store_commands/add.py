"""`dlheir store add`: hash, seal and upload pictures."""

import argparse
from pathlib import Path

from dlheir.console import console, counter
from dlheir.errors import InputError
from dlheir.output import plain, say
from dlheir.store.owner import Picture
from dlheir.store_commands.arguments import (
    add_checkpoint,
    add_keys,
    add_precision,
    add_store,
    checkpoint_of,
)
from dlheir.store_commands.roles import OwnerAtWork, owning

DESCRIPTION = """\
Hash pictures, seal them and upload them to the store in DIR.

A folder gives all pictures in it and in its sub-folders; their names are their paths in it. What
the store holds under its name already is passed, so the same command goes on where it was
interrupted. To exchange a picture, remove it first."""
EXAMPLE = """\
example:
  dlheir store add photos.store Pictures/2024 cat.jpg --keys owner.keys --checkpoint last.ckpt"""

_CHUNK = 64  # pictures that are acknowledged, and held in memory, at once


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    add_store(parser)
    parser.add_argument("pictures", metavar="PICTURES", nargs="+", type=Path, help="files, folders")
    add_keys(parser)
    add_checkpoint(parser)
    add_precision(parser)
    parser.add_argument(
        "--leave-out-unreadable",
        action="store_true",
        help="go on without pictures that cannot be decoded, and say which",
    )


def run(arguments: argparse.Namespace) -> None:
    """Upload what is missing."""
    from dlheir.store_commands.given import given_pictures

    checkpoint_of(arguments)  # before the keys' passphrase is asked for
    pictures = given_pictures(arguments.pictures)
    with owning(arguments) as at_work:
        missing = at_work.owner.missing(pictures)
        left_out = _upload(at_work, missing, arguments) if missing else []
        held = len(at_work.server)
    for error in left_out:
        console.print(plain(f"left out: {error}"), soft_wrap=True)
    already = len(pictures) - len(missing)
    say(
        f"{arguments.store}: {len(missing) - len(left_out)} added, {already} there already"
        + (f", {len(left_out)} left out" if left_out else "")
        + f"; it holds {held}"
    )


def _upload(
    at_work: OwnerAtWork, pictures: list[Picture], arguments: argparse.Namespace
) -> list[InputError]:
    """Hash and upload by chunks; return an error on each picture that was left out."""
    from dlheir.hashing import hash_pictures
    from dlheir.store_commands.hashing import hasher_for

    hasher = hasher_for(arguments, at_work.server.policy)
    left_out: list[InputError] = []
    with counter("Adding pictures", len(pictures)) as advance:
        for start in range(0, len(pictures), _CHUNK):
            chunk = pictures[start : start + _CHUNK]
            hashed = hash_pictures(hasher, chunk)
            if hashed.unreadable and not arguments.leave_out_unreadable:
                raise InputError(
                    f"{hashed.unreadable[0]}; mend or remove it, or go on without such by "
                    "--leave-out-unreadable"
                )
            left_out += hashed.unreadable
            at_work.owner.upload(hashed.pictures, hashed.codes)
            advance(len(chunk))
    return left_out
