"""Random hyperplanes: the baseline that learns nothing."""

import torch
from torch import Generator, Tensor, nn

from dlheir.objectives.projection import set_projection, unit_scale
from dlheir.objectives.registry import ClosedForm, register_objective


@register_objective("random_projection")
class RandomProjection(ClosedForm):
    r"""A bit says on which side of a random hyperplane the features lie.

        c = 1 where <w, x - mean> >= 0,  w ~ N(0, I)

    with features `x` averaged over places, and their mean over the training set.

    Source: Charikar, "Similarity estimation techniques from rounding algorithms" (STOC 2002): the
    share of different bits estimates the angle between features. Deviation: the hyperplanes pass
    through the mean of the training set, not through the origin, from where most features lie in
    one direction. Labels are not used.

    Args:
        bits: Code length.
        num_classes: Number of classes.
    """

    def solve(
        self,
        features: Tensor,
        labels: Tensor,  # noqa: ARG002
        hash_layer: nn.Module,
        generator: Generator,
    ) -> None:
        """Draw the hyperplanes; see the base class."""
        features = features.double()
        mean = features.mean(dim=0)
        shape = (self.bits, features.shape[1])
        directions = torch.randn(shape, generator=generator, dtype=features.dtype)
        scale = unit_scale((features - mean) @ directions.T)
        set_projection(hash_layer, scale * directions, mean)
