"""`dlheir store rotate`: brings all pictures under a new key version."""

import argparse

from dlheir.console import console, counter
from dlheir.output import say
from dlheir.store.owner import DataOwner
from dlheir.store_commands.arguments import add_keys, add_store
from dlheir.store_commands.roles import owning

DESCRIPTION = """\
Draw new keys and bring every picture of the store in DIR under them.

Meanwhile the users go on searching: each finds the new keys in the store. The same command goes on
where it was interrupted, and then draws no further keys."""
EXAMPLE = """\
example:
  dlheir store rotate photos.store --keys owner.keys"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    add_store(parser)
    add_keys(parser)


def run(arguments: argparse.Namespace) -> None:
    """Start a key version, unless one is under way, and re-seal."""
    with owning(arguments) as at_work:
        if at_work.owner.outdated:
            console.print("going on with the rotation that was interrupted")
        else:
            at_work.keys.start_version()
            at_work.file.save()  # before anything is sealed under it
        reseal(at_work.owner)
        say(f"{arguments.store}: all pictures are under key version {at_work.keys.primary}")


def reseal(owner: DataOwner) -> None:
    """Bring every picture under the primary key version."""
    with counter("Sealing under new keys", owner.outdated) as advance:
        owner.rotate(progress=advance)
