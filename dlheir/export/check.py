"""Whether an exported file makes the codes that PyTorch makes."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from dlheir.checkpoints.golden import TOLERANCE, golden_pictures
from dlheir.errors import WorkError
from dlheir.export.graph import Hashing
from dlheir.hashing.onnx_hasher import Outputs
from dlheir.models import PictureTransform


class Agreement(NamedTuple):
    """How an exported file's outputs compare with PyTorch's.

    Attributes:
        largest_difference: of an activation.
        flipped: bits that differ.
        bits: bits in all, pictures times code length.
    """

    largest_difference: float
    flipped: int
    bits: int


def golden_levels(transform: PictureTransform) -> Tensor:
    """Load the golden pictures, which are at hand everywhere: (16, 3, S, S) uint8."""
    return torch.stack([transform.load(picture) for picture in golden_pictures()])


def agreement(reference: Outputs, exported: Outputs) -> Agreement:
    """Compare the outputs for the same pictures."""
    differences = np.abs(exported.activations - reference.activations)
    flipped = np.count_nonzero(exported.codes != reference.codes)
    return Agreement(float(differences.max()), int(flipped), reference.codes.size)


def check_same(
    hashing: Hashing, levels: Tensor, outputs: Callable[[Tensor], Outputs], path: Path
) -> Agreement:
    """Hold an exported file to PyTorch's activations and codes.

    Args:
        hashing: the network.
        levels: (B, 3, S, S) uint8 with B >= 2, the pictures to compare on.
        outputs: runs the exported file.
        path: the file, for the message.

    Returns:
        How they compare; no activation differs by more than `TOLERANCE`, and no bit whose
        activation is further from its threshold.

    Raises:
        WorkError: some do.
    """
    reference = outputs_of(hashing, levels)
    exported = in_two_batches(outputs, levels)
    found = agreement(reference, exported)
    margins = np.abs(reference.activations - hashing.network.threshold.numpy())
    wrong = (exported.codes != reference.codes) & (margins > TOLERANCE)
    # Not a number is no difference up to the tolerance either.
    if not found.largest_difference <= TOLERANCE or wrong.any():
        raise WorkError(
            f"{path}: not written, as the exported network's codes are not PyTorch's: activations "
            f"differ by up to {found.largest_difference:.2g}, {found.flipped} of {found.bits} bits"
        )
    return found


@torch.inference_mode()
def outputs_of(hashing: Hashing, levels: Tensor) -> Outputs:
    """Run the network in PyTorch, a few pictures at a time."""
    batches = [hashing(batch) for batch in torch.split(levels, 16)]
    activations, codes = (torch.cat(parts).numpy() for parts in zip(*batches, strict=True))
    return Outputs(activations, codes)


def in_two_batches(outputs: Callable[[Tensor], Outputs], levels: Tensor) -> Outputs:
    """Run an exported file in batches of two sizes: it has to take any."""
    first, rest = outputs(levels[:1]), outputs(levels[1:])
    return Outputs(
        np.concatenate([first.activations, rest.activations]),
        np.concatenate([first.codes, rest.codes]),
    )
