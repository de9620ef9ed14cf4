"""`dlheir store verify`: looks for damage, and with keys for lies."""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

from dlheir.console import counter
from dlheir.output import say
from dlheir.store.content import decode_content
from dlheir.store.envelope import envelope_tag, open_envelope
from dlheir.store.errors import EnvelopeError, LyingServerError, StoreError
from dlheir.store.keys import Access
from dlheir.store.manifest import verify_leaves
from dlheir.store.protection import CodeProtection
from dlheir.store.server import CloudServer
from dlheir.store_commands.arguments import add_store
from dlheir.store_commands.keyfiles import open_keys
from dlheir.store_commands.roles import access_of, open_server

DESCRIPTION = """\
Look for damage in the store in DIR, and name each one in a line of its own; exit code 1 if there
is any.

Without keys: the database file, every sealed picture's hash, and the table of codes against the
root, which the owner signed. With --keys, an owner's or a user's: also that signature, that the
store is no older than the keys have seen, that code and picture belong together, and that every
picture opens."""
EXAMPLE = """\
example:
  dlheir store verify photos.store
  dlheir store verify photos.store --keys owner.keys"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    add_store(parser)
    parser.add_argument("--keys", metavar="FILE", type=Path, help="an owner's or a user's keys")


def run(arguments: argparse.Namespace) -> None:
    """Print each fault.

    Raises:
        StoreError: there is one.
    """
    file = open_keys(arguments.keys, arguments.store) if arguments.keys else None
    with open_server(arguments.store) as server:
        with counter("Reading sealed pictures", len(server)) as advance:
            faults = dict.fromkeys(server.damage(advance))
        if file is not None:
            access, seen = access_of(file.keys, server)
            with counter("Opening pictures", len(server)) as advance:
                faults |= dict.fromkeys(_lies(server, access, seen, advance))
        count = len(server)
    for fault in faults:
        say(fault)
    if faults:
        number = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise StoreError(f"{arguments.store}: {number}, listed above")
    opened = ", and all open" if file is not None else ""
    say(f"{arguments.store}: {count} pictures, none damaged{opened}")


def _lies(
    server: CloudServer, access: Access, seen: int, progress: Callable[[int], None]
) -> Iterator[str]:
    """Check what takes keys; yield a line on each fault."""
    try:
        root, leaves = server.leaves()
    except StoreError as error:
        yield str(error)
        return
    if root.sequence < seen:
        yield f"{server.path}: shows commit {root.sequence} although {seen} was seen"
    try:
        verify_leaves(access.owner_public, access.policy.store_id, root, leaves)
    except LyingServerError as error:
        yield f"{server.path}: {error}"
    for leaf in leaves:
        try:
            _open(server, access, leaf.picture_id)
        except EnvelopeError as error:
            yield f"{server.path}: picture {leaf.picture_id.hex()}: {error}"
        except (StoreError, LyingServerError) as error:
            yield str(error)
        progress(1)


def _open(server: CloudServer, access: Access, picture_id: bytes) -> None:
    """Open a picture whatever the table around it is, so that damage is named where it is."""
    (served,) = server.get([picture_id])
    _, version, code, mac, envelope = served.record
    if version not in access.versions:
        raise EnvelopeError(f"is under key version {version}, which these keys lack")
    decode_content(open_envelope(access.versions, access.policy.store_id, picture_id, envelope))
    protection = CodeProtection(access.policy, version, access.versions[version])
    protection.check_mac(picture_id, code, envelope_tag(envelope), mac)
