"""ONNX files."""

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dlheir.checkpoints.golden import TOLERANCE
from dlheir.errors import InputError
from dlheir.export.check import Agreement, check_same
from dlheir.export.graph import INPUT, Hashing, trace
from dlheir.files import written_whole
from dlheir.hashing.about import KEY, About
from dlheir.hashing.onnx_hasher import OnnxHasher, Outputs
from dlheir.models import HashingNetwork

# The version that torch's exporter writes of itself: any other would go through a conversion. ONNX
# Runtime reads it since 1.14 (2023), and quantisation per channel needs 13.
OPSET = 18


def export_onnx(
    network: HashingNetwork, path: Path, *, checkpoint_sha256: str, levels: Tensor
) -> Agreement:
    """Write a network as an ONNX file, whole and checked or not at all.

    It takes "levels", (batch, 3, S, S) uint8 as the transform's `load` gives them, and returns
    "activations", (batch, bits) float32, and "codes", (batch, bits) uint8. What it is stands in its
    metadata, see `About`.

    Args:
        network: stays as it is.
        path: the file, whose name ends in .onnx.
        checkpoint_sha256: hexadecimal SHA-256 of the network's checkpoint.
        levels: (B, 3, S, S) uint8 with B >= 2, pictures to check it with, such as `golden_levels`.

    Returns:
        How it compares with PyTorch.

    Raises:
        InputError: the packages of the extra "onnx" are missing.
        WorkError: the file's codes are not PyTorch's.
    """
    onnx = need_onnx(path)
    hashing = Hashing(network)
    model = _converted(hashing)
    about = About(network.settings, network.transform, checkpoint_sha256, "fp32", TOLERANCE)
    describe(model, about)
    with written_whole(path) as part:
        onnx.save_model(model, part)
        return check_same(hashing, levels, OnnxHasher(part).outputs, path)


def need_onnx(path: Path) -> Any:
    """Return the package `onnx`, all others of the extra being there, too.

    Raises:
        InputError: one is missing.
    """
    try:
        import onnx
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise InputError(f"{path}: needs {error.name}: pip install 'dlheir[onnx]'") from None
    return onnx


def describe(model: Any, about: About) -> None:
    """Set a model's metadata."""
    del model.metadata_props[:]
    model.metadata_props.add(key=KEY, value=about.to_json())


def _converted(hashing: Hashing) -> Any:
    """Convert the traced graph; what it remembers of how it came about is left out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch about its own parts
        written = torch.onnx.export(
            trace(hashing),
            dynamo=True,
            dynamic_shapes={INPUT: {0: "batch"}},
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=list(Outputs._fields),
            verbose=False,
        )
    assert written is not None  # as dynamo is asked for
    model = written.model_proto
    graph = model.graph
    for part in [graph, *graph.node, *graph.input, *graph.output, *graph.value_info]:
        del part.metadata_props[:]
    return model
