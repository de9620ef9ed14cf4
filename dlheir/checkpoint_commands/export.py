"""`dlheir checkpoints export`: a network as a file for other programs."""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from dlheir.checkpoint_commands.arguments import add_source, source_of
from dlheir.console import console
from dlheir.errors import InputError
from dlheir.output import say

if TYPE_CHECKING:
    from torch import Tensor

    from dlheir.export import Agreement
    from dlheir.models import HashingNetwork

DESCRIPTION = """\
Write a trained network as a file that runs without dlheir, and hold its codes against PyTorch's on
16 painted pictures before it gets its name.

onnx is for ONNX Runtime and others, and goes wherever the path of a checkpoint does: its codes are
those of the same network. pt2 is for torch.export.load. Both take "levels", RGB pictures as uint8
(batch, 3, S, S), resized as the file's metadata "dlheir" say, and give "activations" and "codes".

int8 is an onnx file of a third of the size; some bits of its codes are others, and whether it is
faster depends on the processor. It needs pictures like those that it will see, to learn the range
of each layer's results."""
EXAMPLE = """\
example:
  dlheir checkpoints export mobilenet_v2.corel5k_48b
  dlheir checkpoints export last.ckpt --precision int8 --calibrate PICTURES --out network.onnx"""

FORMATS = ("onnx", "pt2")
PRECISIONS = ("fp32", "int8")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument(
        "checkpoint", metavar="NAME|FILE", help="a checkpoint of the registry, or a file"
    )
    parser.add_argument("--format", choices=FORMATS, default="onnx", help="onnx if not said")
    parser.add_argument("--precision", choices=PRECISIONS, default="fp32", help="fp32 if not said")
    parser.add_argument(
        "--calibrate", metavar="PICTURES", type=Path, help="folder of pictures, for int8"
    )
    parser.add_argument(
        "--out", metavar="FILE", type=Path, help="else the checkpoint's name, in this folder"
    )
    add_source(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write the file, and print how it compares.

    Raises:
        InputError: the arguments do not fit together, or the checkpoint is none.
        WorkError: its codes are not PyTorch's.
    """
    out = _out(arguments)
    if (arguments.precision == "int8") != (arguments.calibrate is not None):
        raise InputError("--calibrate: goes with --precision int8, which needs it")
    if arguments.precision == "int8" and arguments.format != "onnx":
        raise InputError("--precision int8: is for --format onnx")
    from dlheir.checkpoints import locate
    from dlheir.export import TOLERANCE, golden_levels
    from dlheir.files import sha256_of_file
    from dlheir.models import load_checkpoint

    checkpoint = locate(arguments.checkpoint, source_of(arguments))
    network, sha256 = load_checkpoint(checkpoint), sha256_of_file(checkpoint)
    levels = golden_levels(network.transform)
    with console.status(f"Exporting {arguments.checkpoint}"):
        found = _exported(arguments, network, sha256, levels, out)
    say(f"{out}: {out.stat().st_size:,} bytes")
    bits = f"{found.flipped} of {found.bits} bits differ"
    difference = f"activations differ by up to {found.largest_difference:.2g}"
    if arguments.precision == "int8":
        say(f"against float32, on {len(levels)} painted pictures: {bits}, {difference}")
    else:
        say(
            f"against PyTorch, on {len(levels)} painted pictures: {bits}, {difference}, "
            f"the tolerance being {TOLERANCE:.2g}"
        )


def _out(arguments: argparse.Namespace) -> Path:
    suffix = f".{arguments.format}"
    if arguments.out is None:
        name = Path(arguments.checkpoint).name.removesuffix(".ckpt").removesuffix(".safetensors")
        precision = "" if arguments.precision == "fp32" else f".{arguments.precision}"
        return Path(f"{name}{precision}{suffix}")
    out: Path = arguments.out
    if out.suffix != suffix:  # programs tell formats by it, this one, too
        raise InputError(f"--out {out}: must end in {suffix}")
    if not out.parent.is_dir():
        raise InputError(f"--out {out}: there is no folder {out.parent}; make it first")
    return out


def _exported(
    arguments: argparse.Namespace,
    network: "HashingNetwork",
    sha256: str,
    levels: "Tensor",
    out: Path,
) -> "Agreement":
    from dlheir.export import calibration_levels, export_onnx, export_program, quantise_onnx
    from dlheir.store_commands.given import given_pictures

    if arguments.format == "pt2":
        return export_program(network, out, checkpoint_sha256=sha256, levels=levels)
    if arguments.precision == "fp32":
        return export_onnx(network, out, checkpoint_sha256=sha256, levels=levels)
    given = given_pictures([arguments.calibrate])
    calibration = calibration_levels([picture.source for picture in given], network.transform)
    with TemporaryDirectory() as folder:
        exported = Path(folder) / "fp32.onnx"
        export_onnx(network, exported, checkpoint_sha256=sha256, levels=levels)
        return quantise_onnx(exported, out, calibration=calibration, levels=levels)
