"""`dlheir store status`: what a store holds, as anybody sees it who has the folder."""

import argparse
from pathlib import Path

from rich.table import Table

from dlheir.output import plain, show
from dlheir.retrieval import choose_engine
from dlheir.store.keys import OwnerKeys
from dlheir.store.policy import NO_NETWORK, Policy
from dlheir.store.public_keys import public_key_text
from dlheir.store.server import CloudServer
from dlheir.store_commands.arguments import add_store
from dlheir.store_commands.roles import open_server, owners_keys

DESCRIPTION = """\
Say what the store in DIR holds. It takes no keys: the server can run it, and sees no more. With
the owner's, it also says whom the owner has authorised."""
EXAMPLE = """\
example:
  dlheir store status photos.store
  dlheir store status photos.store --keys owner.keys"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    add_store(parser)
    parser.add_argument("--keys", metavar="FILE", type=Path, help="the owner's keys")


def run(arguments: argparse.Namespace) -> None:
    """Print a table."""
    table = Table(show_header=False, title=str(arguments.store), title_justify="left")
    with open_server(arguments.store) as server:
        facts = _facts(server, arguments.store)
    if arguments.keys is not None:
        facts += _owners_facts(owners_keys(arguments)[1])
    for name, value in facts:
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
        ("search engine", _engine(policy, root.count)),
        ("bytes in the folder", f"{_size(folder):,}"),
        ("sealed pictures", server.blobs_at or "in the database"),
    ]


def _owners_facts(keys: OwnerKeys) -> list[tuple[str, str]]:
    users = [f"{name}  {public_key_text('user', key)}" for name, key in sorted(keys.users.items())]
    return [
        ("owner's public key", public_key_text("owner", keys.owner_public)),
        *(("user", user) for user in users),
    ]


def _engine(policy: Policy, pictures: int) -> str:
    if policy.mode == "client":
        return "each user's own"
    return choose_engine("auto", policy.bits, pictures)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
