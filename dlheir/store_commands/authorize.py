"""`dlheir store authorize`: lets a query user search the store."""

import argparse

from dlheir.errors import InputError
from dlheir.output import say
from dlheir.store.grants import make_grant
from dlheir.store.keys import OwnerKeys
from dlheir.store.public_keys import parse_public_key
from dlheir.store_commands.arguments import add_keys, add_store
from dlheir.store_commands.roles import owning

DESCRIPTION = """\
Let a query user search the store in DIR and open its pictures.

The keys are sealed to the user's public key and left in the store. The public key has to come from
the user by a way that the server is not on. Besides DIR, the user needs the checkpoint."""
EXAMPLE = """\
example:
  dlheir store authorize photos.store dlheir-user-... --name anna --keys owner.keys"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    add_store(parser)
    parser.add_argument("user", metavar="USERPUBLIC", help="the user's public key")
    parser.add_argument(
        "--name", required=True, help="what the owner calls the user, to revoke by later"
    )
    add_keys(parser)


def run(arguments: argparse.Namespace) -> None:
    """Note the user in the owner's keys, then leave the grants."""
    recipient = parse_public_key("user", arguments.user)
    with owning(arguments) as at_work:
        _check(at_work.keys, arguments.name, recipient)
        at_work.keys.users[arguments.name] = recipient
        at_work.file.save()  # first: who is not in there cannot be revoked
        at_work.owner.grant(recipient)
    say(f"{arguments.store}: {arguments.name} may search it now")


def _check(keys: OwnerKeys, name: str, recipient: bytes) -> None:
    """Refuse a name or a key that is another user's, and a key that nothing can be sealed to."""
    if not name.strip():
        raise InputError("--name: is empty; give the name that you will know the user by")
    for known, key in keys.users.items():
        if (known == name) != (key == recipient):
            whose = "another user's" if known == name else f"{known}'s"
            what = "name" if known == name else "key"
            raise InputError(f"--name {name}: the {what} is {whose} already; choose another")
    make_grant(keys, keys.primary, recipient)
