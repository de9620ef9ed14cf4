"""GreedyHash: a classifier on the codes themselves."""

from typing import ClassVar

from torch import Tensor
from torch.nn import functional

from dlheir.objectives.options import check_weight
from dlheir.objectives.outputs import unbounded
from dlheir.objectives.registry import Classifier, Objective, register_objective


@register_objective("greedyhash")
class GreedyHash(Objective):
    r"""Cross entropy of the codes, whose gradient passes the sign unchanged.

        -log softmax(W c + b)[y] + alpha mean over bits of | |z| - 1 |^3

    with outputs `z = logit(a)` of activations `a` and codes `c`, 1 where `a >= 1/2`, else 0. As
    sign(z) is 2 c - 1 and its derivative is taken for 1, that of `c` by `z` is taken for 1/2.

    Source: Su, Zhang, Han, Tian, "Greedy Hash: Towards Fast Optimization for Accurate Hash Coding
    in CNN" (NeurIPS 2018), p = 3; alpha is its authors' code's for CIFAR-10.
    Deviation: the classifier reads codes of 0 and 1, not of -1 and 1, an affine change of its
    weights, so that it also classifies what the network gives it after training.

    Args:
        bits: Code length.
        num_classes: Number of classes.
        quantization_weight: alpha, at least 0.
    """

    uses_classifier: ClassVar[bool] = True

    def __init__(self, bits: int, num_classes: int, quantization_weight: float = 0.1) -> None:
        super().__init__(bits, num_classes)
        self.quantization_weight = check_weight("quantization_weight", quantization_weight)

    def forward(self, activations: Tensor, labels: Tensor, classifier: Classifier) -> Tensor:
        """Mean over the batch; see the base class."""
        outputs = unbounded(activations)
        hard = (activations >= 0.5).to(outputs.dtype)
        # The difference is exactly zero and carries the gradient.
        codes = hard + (outputs - outputs.detach()) / 2
        off_codes = (outputs.abs() - 1).abs().pow(3).mean()
        loss = functional.cross_entropy(classifier(codes), labels)
        return loss + self.quantization_weight * off_codes
