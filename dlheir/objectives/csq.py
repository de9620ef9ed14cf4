"""Central similarity quantization: every class has its hash centre."""

import math

from torch import Tensor
from torch.nn import functional

from dlheir.objectives.centres import hash_centres
from dlheir.objectives.options import check_weight
from dlheir.objectives.outputs import unbounded
from dlheir.objectives.registry import Classifier, Objective, register_objective


@register_objective("csq")
class CSQ(Objective):
    r"""Cross entropy between activations and the bits of the class's centre.

        mean of -c log a - (1 - c) log(1 - a) + lambda log cosh(|2 a - 1| - 1)

    over pictures and bits, with activations `a` and the centre's bits `c`.

    Source: Yuan et al., "Central Similarity Quantization for Efficient Image and Video Retrieval"
    (CVPR 2020); lambda is of its authors' code. The centres are those of
    `hash_centres`: rows of a Hadamard matrix as in the source, also of orders 12, 24 and 48, and
    where there are too few of them codes with a large minimum distance, not random ones.

    Args:
        bits: Code length.
        num_classes: Number of classes.
        quantization_weight: lambda, at least 0.
    """

    centres: Tensor

    def __init__(self, bits: int, num_classes: int, quantization_weight: float = 1e-4) -> None:
        super().__init__(bits, num_classes)
        self.quantization_weight = check_weight("quantization_weight", quantization_weight)
        self.register_buffer("centres", hash_centres(num_classes, bits), persistent=False)

    def forward(self, activations: Tensor, labels: Tensor, classifier: Classifier) -> Tensor:  # noqa: ARG002
        """Mean over the batch; see the base class."""
        outputs = unbounded(activations)
        targets = self.centres[labels].to(outputs.dtype)
        central = functional.binary_cross_entropy_with_logits(outputs, targets)
        off_codes = _log_cosh((2 * activations - 1).abs() - 1).mean()
        return central + self.quantization_weight * off_codes


def _log_cosh(values: Tensor) -> Tensor:
    return values.abs() + functional.softplus(-2 * values.abs()) - math.log(2)
