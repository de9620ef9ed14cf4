"""Cross entropy on softmax over the activations: the paper's objective (section 3.3.2)."""

from typing import ClassVar

from torch import Tensor
from torch.nn import functional

from dlheir.errors import InputError
from dlheir.objectives.options import check_weight
from dlheir.objectives.registry import Classifier, Objective, register_objective


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

    hash_order: ClassVar[str] = "sigmoid_first"
    uses_classifier: ClassVar[bool] = True

    def __init__(self, bits: int, num_classes: int, label_smoothing: float = 0.0) -> None:
        super().__init__(bits, num_classes)
        self.label_smoothing = check_weight("label_smoothing", label_smoothing)
        if self.label_smoothing >= 1:
            raise InputError(f"label_smoothing is {label_smoothing}; it must be in [0, 1)")

    def forward(self, activations: Tensor, labels: Tensor, classifier: Classifier) -> Tensor:
        """Mean over the batch; see the base class."""
        logits = classifier(activations)
        return functional.cross_entropy(logits, labels, label_smoothing=self.label_smoothing)
