"""The predicted class as the code: what a classifier alone reaches."""

from typing import Any, ClassVar, cast

import torch
from torch import Generator, Tensor, nn

from dlheir.errors import InputError
from dlheir.objectives.centres import hash_centres
from dlheir.objectives.options import check_positive
from dlheir.objectives.projection import set_convolution
from dlheir.objectives.registry import ClosedForm, register_objective


@register_objective("predicted_class")
class PredictedClass(ClosedForm):
    r"""Linear discriminant analysis with shrinkage, and a code for each class.

        class = argmax_c  <mu_c, S^-1 x> - 1/2 <mu_c, S^-1 mu_c> + log p_c
        S = (1 - gamma) S_w + gamma tr(S_w) / C I

    with features `x` of C channels averaged over places, the classes' means `mu_c` and shares `p_c`
    of the training set, and the covariance `S_w` within classes. The code is the class's of
    `hash_centres`.

    Source: Sablayrolles, Douze, Usunier, Jegou, "How should we evaluate supervised hashing?"
    (ICASSP 2017), which shows that codes of the predicted class beat trained hashing where the
    database's classes are the trained ones; they say nothing about other classes. The shrinkage
    is that of Friedman, "Regularized Discriminant Analysis" (1989).
    Deviation: the source's classifier is a network's softmax, trained by gradient steps.

    Args:
        bits: Code length.
        num_classes: Number of classes.
        shrinkage: gamma, in (0, 1].
    """

    head: ClassVar[str] = "class_code"

    def __init__(self, bits: int, num_classes: int, shrinkage: float = 0.1) -> None:
        super().__init__(bits, num_classes)
        self.shrinkage = check_positive("shrinkage", shrinkage)
        if self.shrinkage > 1:
            raise InputError(f"shrinkage is {shrinkage}; it must be in (0, 1]")

    def solve(
        self,
        features: Tensor,
        labels: Tensor,
        hash_layer: nn.Module,
        generator: Generator,  # noqa: ARG002
    ) -> None:
        """Solve for the classifier, and set the centres; see the base class."""
        weight, bias = self._discriminant(features.double(), labels)
        set_convolution(cast(nn.Conv2d, hash_layer.conv), weight, bias)
        cast(Any, hash_layer).centres.copy_(hash_centres(self.num_classes, self.bits))

    def _discriminant(self, features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Weight (classes, C) and bias (classes,)."""
        counts = torch.bincount(labels, minlength=self.num_classes)
        if (counts == 0).any():
            raise InputError(
                f"class {int(counts.argmin())} has no training picture; predicted_class needs one "
                "of each class"
            )
        channels = features.shape[1]
        sums = features.new_zeros(self.num_classes, channels).index_add(0, labels, features)
        means = sums / counts[:, None]
        centred = features - means[labels]
        covariance = centred.T @ centred / len(features)
        variance = covariance.trace() / channels
        # One picture a class leaves no covariance within classes: then the nearest mean wins.
        ridge = self.shrinkage * torch.where(variance > 0, variance, torch.ones_like(variance))
        identity = torch.eye(channels, dtype=features.dtype)
        shrunk = (1 - self.shrinkage) * covariance + ridge * identity
        weight = torch.linalg.solve(shrunk, means.T).T
        bias = (counts / len(features)).log() - (weight * means).sum(dim=1) / 2
        return weight, bias
