"""`dlheir store remove`: takes pictures out of the store."""

import argparse

from dlheir.console import counter
from dlheir.errors import InputError
from dlheir.output import say
from dlheir.store.owner import Picture
from dlheir.store.record import PICTURE_ID_BYTES
from dlheir.store_commands.arguments import add_keys, add_store
from dlheir.store_commands.roles import owning

DESCRIPTION = """\
Take pictures out of the store in DIR, by the names that they were added under: paths in the folder
that was given, or names of the files that were.

--id takes a picture's id, as `dlheir store verify` names what is damaged: removed, it can be added
again. Names that the store does not hold are reported, so the same command goes on where it was
interrupted. A server that kept a copy still has it."""
EXAMPLE = """\
example:
  dlheir store remove photos.store beach/0012.jpg cat.jpg --keys owner.keys"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    add_store(parser)
    parser.add_argument("names", metavar="NAME", nargs="*", help="name of a picture")
    parser.add_argument(
        "--id", metavar="ID", dest="ids", type=_id, nargs="+", default=[], help="id of a picture"
    )
    add_keys(parser)


def run(arguments: argparse.Namespace) -> None:
    """Remove what is there."""
    asked = dict.fromkeys(arguments.names)  # each name once, in order
    if not asked and not arguments.ids:
        raise InputError("dlheir store remove: give names of pictures, or ids by --id")
    with owning(arguments) as at_work:
        unknown = {p.name for p in at_work.owner.missing([Picture(n, b"") for n in asked])}
        held = [name for name in asked if name not in unknown]
        if not held and not arguments.ids:
            raise InputError(
                f"{arguments.store}: holds no picture named {', '.join(asked)}; a name is the path "
                "in the folder that was added"
            )
        removed = [*held, *arguments.ids]
        with counter("Removing pictures", len(removed)) as advance:
            at_work.owner.remove(removed, progress=advance)
        left = len(at_work.server)
    not_there = f"; not there: {', '.join(n for n in asked if n in unknown)}" if unknown else ""
    say(f"{arguments.store}: {len(removed)} removed{not_there}; it holds {left}")


def _id(text: str) -> bytes:
    picture_id = bytes.fromhex(text)
    if len(picture_id) != PICTURE_ID_BYTES:
        raise argparse.ArgumentTypeError(f"{text}, expected {2 * PICTURE_ID_BYTES} digits")
    return picture_id
