"""What every kind of checkpoint file says about its network."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class TrainedNetwork:
    """A network as plain values.

    Attributes:
        settings: `HashingNetwork.settings`.
        state: the network's state dict.
    """

    settings: dict[str, Any]
    state: dict[str, Tensor]
