"""The predicted class as the code: what a code that knows only the class is worth."""

import torch
from torch import Tensor, nn

# Far from the threshold, and from 0 and 1, which no activation reaches.
UNSET, SET = 0.25, 0.75


class ClassCode(nn.Module):
    """Classifies the pooled feature maps and looks up the predicted class's code.

    A picture's code tells its predicted class and nothing else (Sablayrolles et al., "How should
    we evaluate supervised hashing?", ICASSP 2017). It stands in the place of a `HashLayer`, and
    is not differentiable.

    Args:
        in_channels: channels C of the feature maps.
        bits: code length N.
        num_classes: number of classes K.

    Attributes:
        conv: 1x1 convolution, C to K: the linear classifier of a place; the mean over places is
            that of the pooled feature map.
        centres: (K, N) uint8 in {0, 1}, the code of each class; all 0 until they are set.
    """

    centres: Tensor

    def __init__(self, in_channels: int, bits: int, num_classes: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, num_classes, kernel_size=1)
        self.register_buffer("centres", torch.zeros(num_classes, bits, dtype=torch.uint8))

    def forward(self, features: Tensor) -> Tensor:
        """Return the code of the predicted class.

        Args:
            features: (B, C, h, w).

        Returns:
            (B, N) float32, `SET` where the code has a 1 and `UNSET` where it has a 0.
        """
        predicted = self.conv(features).float().mean(dim=(2, 3)).argmax(dim=1)
        return UNSET + (SET - UNSET) * self.centres[predicted].float()
