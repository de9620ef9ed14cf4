"""`dlheir checkpoints download`: brings files, and prints where they are."""

import argparse

from dlheir.checkpoint_commands.arguments import add_source, source_of
from dlheir.errors import InputError
from dlheir.output import say

DESCRIPTION = """\
Bring the files of checkpoints to this machine, hold them to the registry's SHA-256, and print the
path of each. A file that lies in a folder here stays where it is; any other goes to the user's
cache (XDG_CACHE_HOME). The same command goes on where a download was interrupted."""
EXAMPLE = """\
example:
  dlheir checkpoints download mobilenet_v2.corel5k_48b
  dlheir checkpoints download --all --base https://HOST/FOLDER"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("names", metavar="NAME", nargs="*", help="checkpoints of the registry")
    parser.add_argument("--all", action="store_true", help="all that are hosted")
    add_source(parser)


def run(arguments: argparse.Namespace) -> None:
    """Print the path of each file.

    Raises:
        InputError: there is no such checkpoint, or none was named.
        WorkError: a file cannot be had or is another.
    """
    if bool(arguments.names) == arguments.all:
        raise InputError("give the names of checkpoints, or --all; see dlheir checkpoints list")
    source = source_of(arguments)
    entries = source.registry.entries
    names = arguments.names or [name for name, entry in entries.items() if entry.url is not None]
    for name in names:  # a wrong one before the first megabyte
        source.registry.find(name)
    for name in names:
        say(str(source.fetch(name)))
