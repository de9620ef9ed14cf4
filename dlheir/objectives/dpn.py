"""Deep polarized network: a margin for every bit."""

from torch import Tensor
from torch.nn import functional

from dlheir.objectives.centres import hash_centres
from dlheir.objectives.options import check_positive
from dlheir.objectives.outputs import unbounded
from dlheir.objectives.registry import Classifier, Objective, register_objective


@register_objective("dpn")
class DPN(Objective):
    r"""Polarization loss; mean over pictures and bits of `max(m - z t, 0)`.

    Outputs are `z = logit(a)` of activations `a`, and `t` in {-1, 1} are the bits of the class's
    target.

    Source: Fan, Ng, Ju, Zhang, Chan, "Deep Polarized Network for Supervised Learning of Accurate
    Binary Hashing Codes" (IJCAI 2020); `m = 1` is of its code. Deviations: the targets are
    those of `hash_centres`, not random ones, and stay as they are; the mean over bits where the
    source has the sum.

    Args:
        bits: Code length.
        num_classes: Number of classes.
        margin: m, above 0.
    """

    centres: Tensor

    def __init__(self, bits: int, num_classes: int, margin: float = 1.0) -> None:
        super().__init__(bits, num_classes)
        self.margin = check_positive("margin", margin)
        self.register_buffer("centres", hash_centres(num_classes, bits), persistent=False)

    def forward(self, activations: Tensor, labels: Tensor, classifier: Classifier) -> Tensor:  # noqa: ARG002
        """Mean over the batch; see the base class."""
        outputs = unbounded(activations)
        targets = 2 * self.centres[labels].to(outputs.dtype) - 1
        return functional.relu(self.margin - outputs * targets).mean()
