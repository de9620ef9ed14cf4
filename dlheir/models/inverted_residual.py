"""The inverted residual block that replaces the last layers of a trunk."""

from torch import Tensor, nn


class InvertedResidual(nn.Module):
    """Inverted residual block at stride 1 (section 3.3.2; Sandler et al., 2018).

    1x1 expansion, batch norm, ReLU6; depthwise 3x3, batch norm, ReLU6; 1x1 projection, batch norm.
    The expansion convolution is there for an expansion of 1 too: the parameter counts of the
    paper's Table 2 say so, while MobileNetV2 leaves it out.

    The input is added to the output where both have the same channels, as in MobileNetV2. In the
    paper's network they differ (1472 and 512), so nothing is added.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        expansion: channels of the depthwise convolution as a multiple of `in_channels`.
    """

    def __init__(self, in_channels: int, out_channels: int, expansion: int = 1) -> None:
        super().__init__()
        hidden = in_channels * expansion
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, hidden, kernel_size=1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU6(inplace=True),
            nn.Conv2d(hidden, hidden, kernel_size=3, padding=1, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU6(inplace=True),
            nn.Conv2d(hidden, out_channels, kernel_size=1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.adds_input = in_channels == out_channels
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, in_channels, h, w) to (B, out_channels, h, w)."""
        projected: Tensor = self.layers(features)
        return features + projected if self.adds_input else projected
