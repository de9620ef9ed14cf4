"""`dlheir checkpoints verify`: do checkpoints compute here what they did where they were made?"""

import argparse

from dlheir.checkpoint_commands.arguments import add_source, source_of
from dlheir.checkpoints import Entry, Source
from dlheir.errors import InputError, WorkError
from dlheir.output import say

DESCRIPTION = """\
Bring each checkpoint's file if it has to be, hold it to its SHA-256, load it, and compare its codes
of 16 painted pictures, which come with dlheir, with those in the registry. A bit may differ only
where rounding can turn it. A line for each; exit code 1 if one fails. Without names, all that are
hosted."""
EXAMPLE = """\
example:
  dlheir checkpoints verify
  dlheir checkpoints verify mobilenet_v2.corel5k_48b --offline"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("names", metavar="NAME", nargs="*", help="checkpoints of the registry")
    add_source(parser)


def run(arguments: argparse.Namespace) -> None:
    """Print a line for each checkpoint.

    Raises:
        InputError: there is no such checkpoint.
        WorkError: one is not what the registry says.
    """
    source = source_of(arguments)
    registry = source.registry
    named = [registry.find(name) for name in arguments.names]
    hosted = [entry for entry in registry.entries.values() if entry.url is not None]
    failed = [entry.name for entry in named or hosted if not _holds(source, entry)]
    if failed:
        raise WorkError(f"{registry.path}: not as they should be: {', '.join(failed)}; see above")
    if not named and not hosted:
        say(f"{registry.path}: no hosted checkpoints yet")


def _holds(source: Source, entry: Entry) -> bool:
    """Check one and say how it stands."""
    from dlheir.models import load_checkpoint
    from dlheir.publishing.golden import check_golden

    try:
        network = load_checkpoint(source.fetch(entry.name))
        found = check_golden(entry.name, network, entry.facts["golden"])
    except (InputError, WorkError) as error:
        say(f"FAILED {error}")
        return False
    rounded = f"; {found.flipped} of {found.bits} bits fell otherwise by rounding"
    say(f"{entry.name}: as published{rounded if found.flipped else ''}")
    return True
