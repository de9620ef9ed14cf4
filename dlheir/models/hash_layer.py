"""The hash layer: feature maps to one activation per bit."""

from torch import Tensor, nn

from dlheir.models.checks import check_choice

ORDERS = ("sigmoid_first", "pool_first")


class HashLayer(nn.Module):
    """1x1 convolution, batch norm, sigmoid and global average pooling (section 3.3.2).

    Its output is the paper's AP; eq. (7) turns AP into the code.

    Args:
        in_channels: channels C of the feature maps.
        bits: code length N.
        order: "sigmoid_first" (the paper's) averages what the sigmoid made of each place,
            "pool_first" averages before the sigmoid, which lets a bit come close to 0 or 1 though
            only some places speak for it.

    Raises:
        InputError: there is no such order.
    """

    def __init__(self, in_channels: int, bits: int, order: str = "sigmoid_first") -> None:
        super().__init__()
        self.order = check_choice("hash_order", order, ORDERS)
        self.conv = nn.Conv2d(in_channels, bits, kernel_size=1)
        self.norm = nn.BatchNorm2d(bits)

    def forward(self, features: Tensor) -> Tensor:
        """Return the pooled activations.

        Args:
            features: (B, C, h, w).

        Returns:
            (B, N) in (0, 1), never in half precision: there a sigmoid rounds to exactly 0 or 1 and
            averages fall on the threshold, which flips bits.
        """
        # Autocast lowers convolutions only; batch norm, sigmoid and mean keep their input's type.
        responses = self.conv(features).to(self.norm.weight.dtype)
        normalised: Tensor = self.norm(responses)
        if normalised.dtype.itemsize < 4:  # a network that was itself turned to half precision
            normalised = normalised.float()
        if self.order == "pool_first":
            return normalised.mean(dim=(2, 3)).sigmoid()
        return normalised.sigmoid().mean(dim=(2, 3))
