"""HashNet: the weighted likelihood of pairs, with outputs that turn into signs."""

import math

from torch import Tensor
from torch.nn import functional

from dlheir.errors import InputError
from dlheir.objectives.options import check_positive
from dlheir.objectives.outputs import unbounded
from dlheir.objectives.pairs import mean_of, pairs_of
from dlheir.objectives.registry import Classifier, Objective, register_objective


@register_objective("hashnet")
class HashNet(Objective):
    r"""Weighted maximum likelihood with continuation.

        mean over pairs i < j of w (log(1 + exp(t)) - s t),  t = alpha <h_i, h_j>,  h = tanh(beta z)

    with outputs `z = logit(a)` of activations `a`, `s = 1` where both pictures are of one class,
    else 0, and `w` the number of all pairs over the number of those with the same `s`: similar and
    dissimilar pairs count alike. `beta` grows during training, so that `h` turns into the code.

    Source: Cao, Long, Wang, Yu, "HashNet: Deep Learning to Hash by Continuation" (ICCV 2017).
    Defaults are of its authors' code: `alpha = 10 / bits`, and
    `beta = sqrt(1 + 0.005 t)` at step t of 10,000, here over the share of steps that are done and
    in every step, not in every 200th. Deviations: pairs within one batch, not of two; `w` counts
    the batch's pairs.

    Args:
        bits: Code length.
        num_classes: Number of classes.
        alpha: How steeply the likelihood follows the inner product, above 0; `10 / bits` if None.
        last_beta: beta at the end of training, at least 1.
    """

    def __init__(
        self,
        bits: int,
        num_classes: int,
        alpha: float | None = None,
        last_beta: float = math.sqrt(51),
    ) -> None:
        super().__init__(bits, num_classes)
        self.alpha = check_positive("alpha", 10 / bits if alpha is None else alpha)
        self.last_beta = check_positive("last_beta", last_beta)
        if self.last_beta < 1:
            raise InputError(f"last_beta is {last_beta}; it must be at least 1, where beta starts")
        self.beta = 1.0

    def advance(self, progress: float) -> None:
        """Set beta; see the base class."""
        self.beta = math.sqrt(1 + (self.last_beta**2 - 1) * progress)

    def forward(self, activations: Tensor, labels: Tensor, classifier: Classifier) -> Tensor:  # noqa: ARG002
        """Mean over similar plus mean over dissimilar pairs; see the base class."""
        outputs = (self.beta * unbounded(activations)).tanh()
        first, second, similar = pairs_of(labels)
        scaled = self.alpha * (outputs[first] * outputs[second]).sum(dim=1)
        alike = functional.softplus(-scaled[similar])
        different = functional.softplus(scaled[~similar])
        return mean_of(alike) + mean_of(different)
