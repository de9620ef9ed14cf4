"""ONNX files that compute in 8-bit integers."""

import contextlib
import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dlheir.errors import InputError
from dlheir.export.check import Agreement, agreement, in_two_batches
from dlheir.export.graph import INPUT
from dlheir.export.onnx_file import describe, need_onnx
from dlheir.files import written_whole
from dlheir.hashing.onnx_hasher import OnnxHasher
from dlheir.models import PictureTransform

# With four times as many, half a bit in 1,000 fewer flips.
CALIBRATION_PICTURES = 128
_BATCH = 16
# The exporter names weights as the network's state dict does.
_HASH_LAYER = "network.hash_layer."
_STEM = 0.001  # share of the weights


def calibration_levels(pictures: Sequence[Path | bytes], transform: PictureTransform) -> Tensor:
    """Load `CALIBRATION_PICTURES` pictures, evenly spread, or all where there are fewer.

    Args:
        pictures: files, or their bytes, such as will be hashed; of a data set, never its queries.
        transform: of the network.

    Returns:
        (N, 3, S, S) uint8.

    Raises:
        InputError: there is no picture, or one cannot be read.
    """
    if not pictures:
        raise InputError("int8 needs pictures to calibrate on, and there are none")
    count = min(CALIBRATION_PICTURES, len(pictures))
    chosen = np.linspace(0, len(pictures) - 1, count).round().astype(int)
    return torch.stack([transform.load(pictures[number]) for number in chosen])


def quantise_onnx(exported: Path, path: Path, *, calibration: Tensor, levels: Tensor) -> Agreement:
    """Write an exported ONNX file anew, with 8-bit integers in place of float32.

    Weights have a scale per output channel, results of layers one scale each, by the largest and
    smallest values that they take on the calibration pictures. In float32 stay the hash layer,
    whose activations are compared with thresholds, and the first layers that together have a
    thousandth of the weights: in MobileNetV2 three convolutions, without which a third more bits
    flip on Corel-5K.

    Both are unsigned: where signed weights meet unsigned results, x86 processors without VNNI
    saturate, and would make other codes than those that have it.

    Args:
        exported: what `export_onnx` wrote.
        path: the new file, whose name ends in .onnx.
        calibration: (N, 3, S, S) uint8 with N >= 1, see `calibration_levels`.
        levels: (B, 3, S, S) uint8 with B >= 2, pictures to compare on.

    Returns:
        How it compares with the exported file; no bound holds.

    Raises:
        InputError: the packages of the extra "onnx" are missing, or `exported` is no such file.
    """
    onnx = need_onnx(path)
    reference = OnnxHasher(exported)
    with written_whole(path) as part, TemporaryDirectory() as folder:
        draft = Path(folder) / "draft.onnx"
        _quantise(onnx.load_model(exported), draft, calibration)
        model = onnx.load_model(draft)
        describe(model, replace(reference.about, precision="int8", tolerance=None))
        onnx.save_model(model, part)
        quantised = OnnxHasher(part)
        return agreement(
            in_two_batches(reference.outputs, levels), in_two_batches(quantised.outputs, levels)
        )


def _quantise(model: Any, path: Path, calibration: Tensor) -> None:
    from onnxruntime.quantization import (
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    with _quiet():
        quantize_static(
            model,
            str(path),
            _Batches(calibration),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QUInt8,
            nodes_to_exclude=_kept_in_float(model.graph),
            calibrate_method=CalibrationMethod.MinMax,
            extra_options={"CalibMovingAverage": True},  # means over batches: no picture rules
        )


def _kept_in_float(graph: Any) -> list[str]:
    """Names of the steps of the stem, and of those from the hash layer on.

    Steps stand in the order in which they are computed.
    """
    sizes = {value.name: math.prod(value.dims) for value in graph.initializer}
    weights = [sum(sizes.get(name, 0) for name in node.input) for node in graph.node]
    so_far = np.cumsum(weights)
    begin = int(np.searchsorted(so_far, _STEM * so_far[-1], side="right"))
    end = next(
        number
        for number, node in enumerate(graph.node)
        if any(name.startswith(_HASH_LAYER) for name in node.input)
    )
    return [node.name for node in [*graph.node[:begin], *graph.node[end:]]]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep ONNX Runtime's advice on preparing the graph, which is prepared, off the terminal."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(level)


class _Batches:
    """What ONNX Runtime's calibration reads: batches, then None."""

    def __init__(self, levels: Tensor) -> None:
        self._batches: Iterator[Tensor] = iter(torch.split(levels, _BATCH))

    def get_next(self) -> dict[str, Any] | None:
        batch = next(self._batches, None)
        return None if batch is None else {INPUT: batch.numpy()}
