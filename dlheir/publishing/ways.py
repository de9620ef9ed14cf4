"""What other ways of hashing make of a checkpoint's own pictures."""

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from dlheir.data import PictureFolder
from dlheir.export import (
    OPSET,
    TOLERANCE,
    calibration_levels,
    compare,
    export_onnx,
    golden_levels,
    hash_split,
    quantise_onnx,
)
from dlheir.files import sha256_of_file
from dlheir.hashing import Hasher, TorchHasher, open_hasher
from dlheir.models import load_checkpoint

Way = tuple[Hasher, dict[str, Any]]


def measure_ways(
    weights: Path, checkpoint: Path, data: PictureFolder, ks: Iterable[str], *, exports: bool
) -> dict[str, Any]:
    """Hash database and queries in each way, and compare with the published file in float32.

    Args:
        weights: The published file.
        checkpoint: What it was made from.
        data: The pictures.
        ks: Numbers of answers.
        exports: Whether ONNX files are among the ways.

    Returns:
        Facts on each way, as the registry holds them.

    Raises:
        InputError: The extra "onnx" is missing.
        WorkError: An exported file's codes are not PyTorch's.
    """
    numbers = [int(k) for k in ks]
    with tempfile.TemporaryDirectory() as folder:
        ways: dict[str, Way] = {
            "run": (TorchHasher(checkpoint), {}),
            "bf16": (TorchHasher(weights, "bf16"), {}),
            **(dict(_exports(weights, data, Path(folder))) if exports else {}),
        }
        reference = hash_split(TorchHasher(weights), data)
        return {
            name: {**compare(reference, hash_split(hasher, data), numbers)._asdict(), **about}
            for name, (hasher, about) in ways.items()
        }


def _exports(weights: Path, data: PictureFolder, folder: Path) -> Iterator[tuple[str, Way]]:
    """Export and quantise a published file, before any picture is hashed."""
    network = load_checkpoint(weights)
    levels = golden_levels(network.transform)
    exported, quantised = folder / "fp32.onnx", folder / "int8.onnx"
    found = export_onnx(network, exported, checkpoint_sha256=sha256_of_file(weights), levels=levels)
    yield "onnx", _way(exported, found.largest_difference, tolerance=TOLERANCE)
    calibration = calibration_levels(data.paths(data.split.training), network.transform)
    found = quantise_onnx(exported, quantised, calibration=calibration, levels=levels)
    yield "onnx_int8", _way(quantised, found.largest_difference, calibrated_on=len(calibration))


def _way(path: Path, difference: float, **more: float) -> Way:
    about = {"size": path.stat().st_size, "opset": OPSET, "difference": difference, **more}
    return open_hasher(str(path)), about
