"""Activations of a whole set of pictures, gathered over batches and devices."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat


class HashedSet(NamedTuple):
    """What the network makes of a set of pictures, one row a picture, in the set's order.

    Attributes:
        activations: float32 (N, bits) in (0, 1).
        labels: int64 (N,).
    """

    activations: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]


class ActivationCollector(Metric):
    """Collects activations by picture and returns each picture once.

    Samplers give all devices equally many pictures and repeat some for it. The repeated ones
    are dropped here by their number, so results do not depend on the number of devices.
    """

    full_state_update = False
    numbers: list[Tensor]
    activations: list[Tensor]
    labels: list[Tensor]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for state in ("numbers", "activations", "labels"):
            self.add_state(state, default=[], dist_reduce_fx="cat")

    def update(self, numbers: Tensor, activations: Tensor, labels: Tensor) -> None:
        """Add a batch: (B,), (B, bits) and (B,)."""
        self.numbers.append(numbers)
        self.activations.append(activations.float())
        self.labels.append(labels)

    def compute(self) -> HashedSet:
        """Every picture once, by number."""
        numbers, first = np.unique(dim_zero_cat(self.numbers).cpu().numpy(), return_index=True)
        if len(numbers) != numbers[-1] + 1:
            raise RuntimeError(f"{numbers[-1] + 1 - len(numbers)} pictures were not hashed")
        rows = torch.from_numpy(first)
        return HashedSet(
            dim_zero_cat(self.activations).cpu()[rows].numpy(),
            dim_zero_cat(self.labels).cpu()[rows].numpy(),
        )
