"""Arguments that several commands take, and where their values come from if not given."""

import argparse
import os
from pathlib import Path

from dlheir.errors import InputError


def add_store(parser: argparse.ArgumentParser) -> None:
    """Take the server's folder."""
    parser.add_argument("store", metavar="DIR", type=Path, help="the server's folder")


def add_keys(parser: argparse.ArgumentParser, whose: str = "the owner's keys") -> None:
    """Take a key file."""
    parser.add_argument(
        "--keys",
        metavar="FILE",
        type=Path,
        default=Path(os.environ.get("DLHEIR_KEYS", "dlheir.keys")),
        help=f"{whose}; else DLHEIR_KEYS, else dlheir.keys",
    )


def add_checkpoint(parser: argparse.ArgumentParser) -> None:
    """Take the checkpoint of the network that makes the codes."""
    parser.add_argument(
        "--checkpoint",
        metavar="CKPT",
        default=os.environ.get("DLHEIR_CHECKPOINT"),
        help="the network that makes the codes, by its name (dlheir checkpoints list) or its file "
        "(.ckpt, .safetensors, .onnx); else DLHEIR_CHECKPOINT",
    )


def add_precision(parser: argparse.ArgumentParser) -> None:
    """Take the precision of hashing."""
    parser.add_argument(
        "--precision",
        choices=("fp32", "bf16"),
        default="fp32",
        help="of the network's arithmetic; fp32 if not said; bf16 changes some bits of some codes",
    )


def checkpoint_of(arguments: argparse.Namespace) -> str:
    """Return the checkpoint's name or path.

    Raises:
        InputError: when there is none.
    """
    if arguments.checkpoint is None:
        raise InputError(
            "--checkpoint: is missing; give the network that makes the codes, or set "
            "DLHEIR_CHECKPOINT"
        )
    return str(arguments.checkpoint)
