"""`dlheir store revoke`: takes a query user's access away."""

import argparse

from dlheir.errors import InputError
from dlheir.output import say
from dlheir.store_commands.arguments import add_keys, add_store
from dlheir.store_commands.roles import OwnerAtWork, owning
from dlheir.store_commands.rotate import reseal

DESCRIPTION = """\
Take a user's access to the store in DIR away: new keys for the other users, and every picture
sealed anew under them.

What the user has seen or copied until then stays seen. Where this is interrupted, dlheir store
rotate goes on."""
EXAMPLE = """\
example:
  dlheir store revoke photos.store anna --keys owner.keys"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    add_store(parser)
    parser.add_argument("name", metavar="NAME", help="as given to dlheir store authorize")
    add_keys(parser)


def run(arguments: argparse.Namespace) -> None:
    """Strike the user out and start a key version, in one go, then re-seal."""
    with owning(arguments) as at_work:
        if arguments.name not in at_work.keys.users:
            raise InputError(_unknown(arguments.name, at_work))
        revoked = at_work.keys.users.pop(arguments.name)
        at_work.keys.start_version()
        at_work.file.save()  # before anything is sealed under it
        at_work.server.remove_grants(revoked)
        reseal(at_work.owner)
    say(f"{arguments.store}: {arguments.name} has no access any more")


def _unknown(name: str, at_work: OwnerAtWork) -> str:
    users = ", ".join(sorted(at_work.keys.users)) or "none"
    line = f"{name}: no such user; authorised are: {users}"
    if at_work.owner.outdated:
        line += "; a change of keys was interrupted, dlheir store rotate goes on with it"
    return line
