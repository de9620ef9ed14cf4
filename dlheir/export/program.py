"""`torch.export` programs: the network as a graph that PyTorch runs without this package."""

import io
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from dlheir.checkpoints.golden import TOLERANCE
from dlheir.export.check import Agreement, check_same
from dlheir.export.graph import Hashing, trace
from dlheir.files import written_whole
from dlheir.hashing.about import KEY, About
from dlheir.hashing.onnx_hasher import Outputs
from dlheir.models import HashingNetwork


def export_program(
    network: HashingNetwork, path: Path, *, checkpoint_sha256: str, levels: Tensor
) -> Agreement:
    """Write a network as a program for `torch.export.load`, whole and checked or not at all.

    `torch.export.load(path).module()(levels)` returns activations and codes as the ONNX file does.
    What it is stands in its extra file "dlheir", see `About`.

    Args:
        network: stays as it is.
        path: the file, whose name ends in .pt2.
        checkpoint_sha256: hexadecimal SHA-256 of the network's checkpoint.
        levels: (B, 3, S, S) uint8 with B >= 2, pictures to check it with, such as `golden_levels`.

    Returns:
        How it compares with the network itself.

    Raises:
        WorkError: the program's codes are others.
    """
    hashing = Hashing(network)
    about = About(network.settings, network.transform, checkpoint_sha256, "fp32", TOLERANCE)
    content = io.BytesIO()
    torch.export.save(trace(hashing), content, extra_files={KEY: about.to_json()})
    with written_whole(path) as part:
        part.write_bytes(content.getbuffer())
        return check_same(hashing, levels, _runner(part), path)


def _runner(path: Path) -> Callable[[Tensor], Outputs]:
    """Load a program; what is returned runs it."""
    with path.open("rb") as file:
        module = torch.export.load(file).module()

    @torch.no_grad()
    def outputs(levels: Tensor) -> Outputs:
        return Outputs(*(output.numpy() for output in module(levels)))

    return outputs
