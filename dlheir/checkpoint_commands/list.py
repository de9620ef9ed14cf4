"""`dlheir checkpoints list`: the registry as tables."""

import argparse
import json
import sys

from rich.table import Table

from dlheir.checkpoint_commands.arguments import add_registry
from dlheir.checkpoints import Entry, read_registry
from dlheir.output import plain, say, show
from dlheir.publishing.overview import NOT_HOSTED, Board, Score, boards_of

DESCRIPTION = """\
Show the checkpoints of the registry, a table for each data set and protocol: scores of different
ones do not compare. P@k and mAP are in %, expected over all orders of ties."""
EXAMPLE = """\
example:
  dlheir checkpoints list
  dlheir checkpoints list --json | python -m json.tool"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    add_registry(parser)
    parser.add_argument("--json", action="store_true", help="print all that is known of each")


def run(arguments: argparse.Namespace) -> None:
    """Print the tables, or the registry's entries for programs."""
    registry = read_registry(arguments.registry)
    if arguments.json:
        facts = {name: entry.facts for name, entry in registry.entries.items()}
        sys.stdout.write(f"{json.dumps(facts, indent=1, ensure_ascii=False)}\n")
        return
    if not registry.entries:
        say(f"{registry.path}: no checkpoints yet")
    for board in boards_of(registry.entries.values()):
        show(_table(board))


def _table(board: Board) -> Table:
    table = Table(title=plain(board.title), title_justify="left")
    table.add_column("checkpoint", overflow="fold")
    for heading in ("bits", "pictures", "precision", "mAP", "file"):
        table.add_column(heading, justify="right")
    for entry in board.entries:
        table.add_row(*map(plain, _cells(entry)))
    return table


def _cells(entry: Entry) -> tuple[str, ...]:
    score = Score(entry)
    return (
        entry.name,
        str(entry.bits),
        f"{entry.image_size} px",
        f"P@{score.first_k} {score.precision}",
        score.average,
        NOT_HOSTED if entry.url is None else score.size,
    )
