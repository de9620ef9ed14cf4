"""`dlheir store keygen`: the keys of an owner, or of a query user."""

import argparse
import sys
from pathlib import Path

from dlheir.console import console
from dlheir.errors import InputError
from dlheir.output import plain
from dlheir.store.keyfile import KeyFile, Keys
from dlheir.store.keys import OwnerKeys, UserKeys
from dlheir.store.public_keys import parse_public_key, public_key_text
from dlheir.store_commands.keyfiles import new_passphrase
from dlheir.store_commands.roles import FILE

DESCRIPTION = """\
Make the keys of a data owner, or with --user those of a query user, and print the public key.

The file opens under a passphrase, which is asked for. Who loses file or passphrase loses the
pictures: keep a copy, and never on the server. A user pins the owner's public key, so it has to
come from the owner by a way that the server is not on."""
EXAMPLE = """\
example:
  dlheir store keygen owner.keys
  dlheir store keygen anna.keys --user --owner dlheir-owner-..."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("file", metavar="FILE", type=Path, help="the key file to write")
    parser.add_argument("--user", action="store_true", help="a query user's keys")
    parser.add_argument("--owner", metavar="OWNERPUBLIC", help="whose answers the user believes")
    parser.add_argument(
        "--raw", action="store_true", help="no passphrase: whoever reads the file has the keys"
    )


def run(arguments: argparse.Namespace) -> None:
    """Write the key file."""
    if arguments.user != (arguments.owner is not None):
        raise InputError("--user and --owner OWNERPUBLIC go together: a user believes one owner")
    if arguments.file.exists():
        raise InputError(f"{arguments.file}: exists already; choose another file for new keys")
    for folder in arguments.file.resolve().parents:
        if (folder / FILE).exists():
            raise InputError(f"{arguments.file}: keys must not lie in the server's folder {folder}")
    keys = _generate(arguments.owner)
    passphrase = None if arguments.raw else new_passphrase(arguments.file)
    KeyFile.create(arguments.file, keys, passphrase)
    if isinstance(keys, OwnerKeys):
        public = public_key_text("owner", keys.owner_public)
        use = "give the public key to every user"
    else:
        public = public_key_text("user", keys.public_key)
        use = "give the public key to the owner, for dlheir store authorize"
    console.print(plain(f"{arguments.file}: keep a copy in a safe place; {use}"), soft_wrap=True)
    sys.stdout.write(f"{public}\n")


def _generate(owner: str | None) -> Keys:
    if owner is None:
        return OwnerKeys.generate()
    return UserKeys.generate(parse_public_key("owner", owner))
