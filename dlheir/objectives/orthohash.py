"""OrthoHash: one cosine loss towards binary targets."""

import math

from torch import Tensor
from torch.nn import functional

from dlheir.objectives.centres import hash_centres
from dlheir.objectives.options import check_positive, check_weight
from dlheir.objectives.outputs import unbounded
from dlheir.objectives.registry import Classifier, Objective, register_objective


@register_objective("orthohash")
class OrthoHash(Objective):
    r"""Cross entropy of cosines with a margin.

        mean over the batch of -log softmax_c( s (cos(z, t_c) - m [c = y]) )[y]

    with outputs `z = logit(a)` of activations `a`, label `y`, and the target `t_c` in {-1, 1}^bits
    of each class `c`. A large cosine means both the right bits and outputs near codes.

    Source: Hoe et al., "One Loss for All: Deep Hashing with a Single Cosine Similarity based
    Learning Objective" (NeurIPS 2021); the scale `s = 8` and margin `m = 0.2` are its authors'
    code's. The batch norm that the source puts before the cosine is the hash layer's. Deviation:
    the targets are those of `hash_centres`, orthogonal rows of a Hadamard matrix where there are
    enough of them; its code draws random bits.

    Args:
        bits: Code length.
        num_classes: Number of classes.
        scale: s, above 0.
        margin: m, at least 0.
    """

    centres: Tensor

    def __init__(
        self, bits: int, num_classes: int, scale: float = 8.0, margin: float = 0.2
    ) -> None:
        super().__init__(bits, num_classes)
        self.scale = check_positive("scale", scale)
        self.margin = check_weight("margin", margin)
        self.register_buffer("centres", hash_centres(num_classes, bits), persistent=False)

    def forward(self, activations: Tensor, labels: Tensor, classifier: Classifier) -> Tensor:  # noqa: ARG002
        """Mean over the batch; see the base class."""
        directions = functional.normalize(unbounded(activations), dim=1)
        targets = 2 * self.centres.to(directions.dtype) - 1
        cosines = directions @ targets.T / math.sqrt(self.bits)
        margins = self.margin * functional.one_hot(labels, self.num_classes).to(cosines.dtype)
        return functional.cross_entropy(self.scale * (cosines - margins), labels)
