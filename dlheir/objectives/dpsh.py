"""Deep pairwise-supervised hashing: the likelihood of pairs."""

from torch import Tensor
from torch.nn import functional

from dlheir.objectives.options import check_positive, check_weight
from dlheir.objectives.outputs import unbounded
from dlheir.objectives.pairs import pairs_of, weighted_mean
from dlheir.objectives.registry import Classifier, Objective, register_objective


@register_objective("dpsh")
class DPSH(Objective):
    r"""Negative log likelihood of similarities, and the distance from the codes.

        mean over pairs i < j of [ log(1 + exp(t)) - s t ],  t = 1/2 <z_i, z_j>
            + eta mean over pictures and bits of (sign(z) - z)^2

    with outputs `z = logit(a)` of activations `a`, and `s = 1` where both pictures are of one
    class, else 0. The sign is a constant of the gradient.

    Source: Li, Wang, Kang, "Feature Learning based Deep Supervised Hashing with Pairwise Labels"
    (IJCAI 2016). Deviations: pairs within the batch, not of the batch with the latest
    outputs of the whole training set; means where the source has sums. There 5,000 training
    pictures of CIFAR-10 and an eta of 10 give a picture's squared distance 10 / 5,000 of the weight
    of its mean over pairs, and so the mean over 48 bits 0.1 of it: the default.

    Args:
        bits: Code length.
        num_classes: Number of classes.
        quantization_weight: eta, at least 0.
        similar_weight: How many times a similar pair counts in the mean, above 0. The source's is
            1; with C classes in equal parts, (C - 1) / 9 gives similar pairs the share that they
            have among its 10 classes of CIFAR-10.
    """

    def __init__(
        self,
        bits: int,
        num_classes: int,
        quantization_weight: float = 0.1,
        similar_weight: float = 1.0,
    ) -> None:
        super().__init__(bits, num_classes)
        self.quantization_weight = check_weight("quantization_weight", quantization_weight)
        self.similar_weight = check_positive("similar_weight", similar_weight)

    def forward(self, activations: Tensor, labels: Tensor, classifier: Classifier) -> Tensor:  # noqa: ARG002
        """Mean over the batch's pairs; see the base class."""
        outputs = unbounded(activations)
        first, second, similar = pairs_of(labels)
        halves = (outputs[first] * outputs[second]).sum(dim=1) / 2
        likelihood = functional.softplus(halves) - halves * similar
        off_codes = (outputs.abs() - 1).square().mean()
        likelihood = weighted_mean(likelihood, similar, self.similar_weight)
        return likelihood + self.quantization_weight * off_codes
