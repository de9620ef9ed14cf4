"""Cross entropy on softmax over the activations: the paper's objective (section 3.3.2)."""

from torch import Tensor
from torch.nn import functional

from dlheir.errors import InputError
from dlheir.objectives.registry import Objective, register_objective


@register_objective("cross_entropy")
class CrossEntropy(Objective):
    r"""Softmax cross entropy, `-log softmax(W a + b)[y]` with activations `a` and label `y`.

    Its codes are the thresholded activations of a classifier, as in Lin et al., "Deep Learning
    of Binary Hash Codes for Fast Image Retrieval" (2015), the paper's reference 14.

    Args:
        bits: Code length.
        num_classes: Number of classes.
        label_smoothing: Share of the target spread evenly over all classes, in [0, 1); the
            paper's is 0.
    """

    def __init__(self, bits: int, num_classes: int, label_smoothing: float = 0.0) -> None:
        super().__init__(bits, num_classes)
        if not isinstance(label_smoothing, int | float) or not 0 <= label_smoothing < 1:
            raise InputError(f"label_smoothing is {label_smoothing}; it must be in [0, 1)")
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, activations: Tensor, labels: Tensor) -> Tensor:  # noqa: ARG002
        """Mean over the batch; see the base class."""
        return functional.cross_entropy(logits, labels, label_smoothing=self.label_smoothing)
