"""What a backbone's builder hands to the network."""

from dataclasses import dataclass, field

from torch import nn


@dataclass(frozen=True)
class Trunk:
    """The layers before the hash layer.

    Attributes:
        features: the backbone's own layers, (B, 3, H, W) to (B, c, h, w), named as in the
            backbone's published state dict without its prefix. Backbone weights fill all of them.
        channels: channels of what `tail` returns, and so of what the hash layer takes.
        stride: pixels of the picture per place of the feature map, H / h.
        tail: what replaces layers of the backbone; always trained from new weights.
    """

    features: nn.Module
    channels: int
    stride: int
    tail: nn.Module = field(default_factory=nn.Identity)
