"""Deep supervised hashing: distances of pairs, with a margin."""

from torch import Tensor
from torch.nn import functional

from dlheir.objectives.options import check_positive, check_weight
from dlheir.objectives.outputs import unbounded
from dlheir.objectives.pairs import pairs_of, weighted_mean
from dlheir.objectives.registry import Classifier, Objective, register_objective


@register_objective("dsh")
class DSH(Objective):
    r"""Contrastive loss on outputs that are drawn to -1 and 1.

        mean over pairs i < j of 1/2 s ||z_i - z_j||^2 + 1/2 (1 - s) max(m - ||z_i - z_j||^2, 0)
            + alpha (|| |z_i| - 1 ||_1 + || |z_j| - 1 ||_1)

    with outputs `z = logit(a)` of activations `a`, and `s = 1` where both pictures are of one
    class, else 0 (the source's `y` is `1 - s`).

    Source: Liu, Wang, Shan, Chen, "Deep Supervised Hashing for Fast Image Retrieval" (CVPR 2016),
    the paper's reference 15, with its `m = 2 bits` and `alpha = 0.01`. Deviation: the mean over a
    batch's pairs where the source has the sum.

    Args:
        bits: Code length.
        num_classes: Number of classes.
        margin: m, the squared distance from which on different classes are far enough, above 0;
            `2 * bits` if None.
        quantization_weight: alpha, at least 0.
        similar_weight: How many times a similar pair counts in the mean, above 0. The source's is
            1; with C classes in equal parts, (C - 1) / 9 gives similar pairs the share that they
            have among its 10 classes of CIFAR-10.
    """

    def __init__(
        self,
        bits: int,
        num_classes: int,
        margin: float | None = None,
        quantization_weight: float = 0.01,
        similar_weight: float = 1.0,
    ) -> None:
        super().__init__(bits, num_classes)
        self.margin = check_positive("margin", 2 * bits if margin is None else margin)
        self.quantization_weight = check_weight("quantization_weight", quantization_weight)
        self.similar_weight = check_positive("similar_weight", similar_weight)

    def forward(self, activations: Tensor, labels: Tensor, classifier: Classifier) -> Tensor:  # noqa: ARG002
        """Mean over the batch's pairs; see the base class."""
        outputs = unbounded(activations)
        first, second, similar = pairs_of(labels)
        distances = (outputs[first] - outputs[second]).square().sum(dim=1)
        contrast = distances.where(similar, functional.relu(self.margin - distances)) / 2
        # Each picture stands in as many pairs as the others.
        off_codes = 2 * (outputs.abs() - 1).abs().sum(dim=1).mean()
        contrast = weighted_mean(contrast, similar, self.similar_weight)
        return contrast + self.quantization_weight * off_codes
