"""DenseNet's layer, which can save memory without a trace in the batch norms' statistics."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from torchvision.models.densenet import _DenseLayer


class DenseLayer(_DenseLayer):  # type: ignore[misc]
    """torchvision's dense layer; with `memory_efficient` each step counts once in its statistics.

    `norm1` runs a second time in the backward pass then, on the same maps. In torchvision's layer
    these maps thus enter its running mean and variance twice, as if its momentum were larger than
    that of the other batch norms.
    """

    def call_checkpoint_bottleneck(self, input: list[Tensor]) -> Tensor:
        """Return `bn_function(input)`, whose intermediate maps the backward pass makes again."""
        if torch.compiler.is_compiling():  # which keeps track of the statistics itself
            bottleneck: Tensor = super().call_checkpoint_bottleneck(input)
            return bottleneck
        again: Tensor = checkpoint(
            lambda *maps: self.bn_function(list(maps)),
            *input,
            use_reentrant=False,
            context_fn=self._contexts,
        )
        return again

    def _contexts(self) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        """Contexts of the forward pass and of the recomputation."""
        return nullcontext(), _statistics_kept(self.norm1)


@contextmanager
def _statistics_kept(norm: nn.BatchNorm2d) -> Iterator[None]:
    """Have a batch norm update copies of its running statistics, which are then dropped."""
    statistics = dict(norm.named_buffers())
    for name, statistic in statistics.items():
        setattr(norm, name, statistic.clone())
    try:
        yield
    finally:
        for name, statistic in statistics.items():
            setattr(norm, name, statistic)
