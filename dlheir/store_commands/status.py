"""`dlheir store status`: what a store holds, as anybody sees it who has the folder."""

import argparse
from pathlib import Path

from rich.table import Table

from dlheir.store.policy import NO_NETWORK
from dlheir.store.server import CloudServer
from dlheir.store_commands.arguments import add_store
from dlheir.store_commands.output import plain, show
from dlheir.store_commands.roles import open_server

DESCRIPTION = """\
Say what the store in DIR holds. It takes no keys: the server can run it, and sees no more."""
EXAMPLE = """\
example:
  dlheir store status photos.store"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    add_store(parser)


def run(arguments: argparse.Namespace) -> None:
    """Print a table."""
    table = Table(show_header=False, title=str(arguments.store), title_justify="left")
    with open_server(arguments.store) as server:
        for name, value in _facts(server, arguments.store):
            table.add_row(name, plain(value))
    show(table)


def _facts(server: CloudServer, folder: Path) -> list[tuple[str, str]]:
    policy, root, versions = server.policy, server.root, server.key_versions
    keys = ", ".join(f"{version} ({count:,} pictures)" for version, count in versions.items())
    unfinished = "; a rotation is not finished" if len(versions) > 1 else ""
    network = "not said" if policy.network == NO_NETWORK else policy.network.hex()
    return [
        ("store id", policy.store_id.hex()),
        ("pictures", f"{root.count:,}"),
        ("codes", f"{policy.bits} bits, {policy.mode}"),
        ("network", network),
        ("key versions", (keys or "none yet") + unfinished),
        ("commits", f"{root.sequence:,}"),
        ("bytes in the folder", f"{_size(folder):,}"),
        ("sealed pictures", server.blobs_at or "in the database"),
    ]


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
