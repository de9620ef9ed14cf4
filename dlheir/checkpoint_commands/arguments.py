"""Arguments that several commands take: where checkpoints come from."""

import argparse
from pathlib import Path

from dlheir.checkpoints import Source


def add_registry(parser: argparse.ArgumentParser) -> None:
    """Take another registry."""
    parser.add_argument(
        "--registry",
        metavar="FILE",
        type=Path,
        help="another registry.json; else DLHEIR_REGISTRY, else what comes with dlheir",
    )


def add_source(parser: argparse.ArgumentParser) -> None:
    """Take a registry, and where its files are."""
    add_registry(parser)
    parser.add_argument(
        "--base",
        metavar="URL",
        help="the folder or URL where the registry's relative URLs start; else "
        "DLHEIR_CHECKPOINTS_BASE, else the registry's folder",
    )
    parser.add_argument(
        "--offline",
        action="store_true",
        default=None,
        help="use no network; as DLHEIR_OFFLINE=1",
    )


def source_of(arguments: argparse.Namespace) -> Source:
    """Return what `add_source` was told.

    Raises:
        InputError: the registry cannot be read.
    """
    return Source.of(arguments.registry, arguments.base, arguments.offline)
