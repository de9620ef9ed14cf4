"""Iterative quantization: the principal components, rotated towards codes."""

import torch
from torch import Generator, Tensor, nn

from dlheir.errors import InputError
from dlheir.objectives.projection import set_projection, unit_scale
from dlheir.objectives.registry import ClosedForm, register_objective


@register_objective("itq")
class ITQ(ClosedForm):
    r"""Principal components, rotated so that quantization loses little.

    With the first `bits` principal components `V = (X - mean) W`,

        min ||B - V R||^2  over codes B in {-1, 1} and orthogonal R

    found by turns: `B = sign(V R)`; `R = S' S^T` with the singular value decomposition
    `B^T V = S Omega S'^T`. The bits are the signs of `(x - mean) W R`.

    Source: Gong, Lazebnik, "Iterative Quantization: A Procrustean Approach to Learning Binary
    Codes" (CVPR 2011): 50 iterations from a random rotation. Labels are not used.

    Args:
        bits: Code length, at most the number of features.
        num_classes: Number of classes.
        iterations: How often codes and rotation take turns, at least 0.
    """

    def __init__(self, bits: int, num_classes: int, iterations: int = 50) -> None:
        super().__init__(bits, num_classes)
        if not isinstance(iterations, int) or isinstance(iterations, bool) or iterations < 0:
            raise InputError(f"iterations is {iterations}; it must be a whole number, at least 0")
        self.iterations = iterations

    def solve(
        self,
        features: Tensor,
        labels: Tensor,  # noqa: ARG002
        hash_layer: nn.Module,
        generator: Generator,
    ) -> None:
        """Find components and rotation; see the base class."""
        channels = features.shape[1]
        if self.bits > channels:
            raise InputError(
                f"bits is {self.bits}; itq has no more bits than the {channels} features that the "
                "backbone gives, so take fewer bits"
            )
        features = features.double()
        mean = features.mean(dim=0)
        components = principal_components(features - mean, self.bits)
        projected = (features - mean) @ components
        rotation = random_rotation(self.bits, generator)
        for _ in range(self.iterations):
            rotation = next_rotation(projected, rotation)
        directions = (components @ rotation).T
        set_projection(hash_layer, unit_scale(projected) * directions, mean)


def principal_components(centred: Tensor, count: int) -> Tensor:
    """The directions (C, count) of the largest variances of (N, C) features, largest first."""
    _, directions = torch.linalg.eigh(centred.T @ centred)
    leading: Tensor = directions[:, -count:].flip(1)
    return leading


def random_rotation(size: int, generator: Generator) -> Tensor:
    """An orthogonal matrix (size, size)."""
    drawn = torch.randn((size, size), generator=generator, dtype=torch.float64)
    orthogonal: Tensor = torch.linalg.qr(drawn).Q
    return orthogonal


def next_rotation(projected: Tensor, rotation: Tensor) -> Tensor:
    """The rotation that brings (N, bits) projections nearest to the codes of the last one."""
    signs = torch.where(projected @ rotation >= 0, 1.0, -1.0).to(projected.dtype)
    left, _, right_transposed = torch.linalg.svd(signs.T @ projected)
    rotation_found: Tensor = right_transposed.T @ left.T
    return rotation_found
