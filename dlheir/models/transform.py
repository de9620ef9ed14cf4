"""From a picture to the tensor that a network takes.

There is one resize, Pillow's bilinear with antialiasing, for files, Pillow images and tensors
alike: its integer arithmetic gives the same pixels on every processor.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from dlheir.decoding import decoded
from dlheir.errors import InputError
from dlheir.models.checks import check_choice, check_integer

Picture: TypeAlias = str | Path | bytes | Image.Image | Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
RESIZES = ("warp", "letterbox", "crop")
SMALLEST_SIDE = 32  # the backbones halve the side five times


@dataclass(frozen=True)
class PictureTransform:
    """A picture as the network was trained on it (section 3.3.1).

    `transform(picture)` is `normalize(load(picture))`. Training uses the halves apart: `load` in
    the data loader's workers, `normalize` on the device.

    Attributes:
        image_size: side S of the square in pixels.
        mean: mean of each channel, in 0 ... 1.
        std: standard deviation of each channel, in 0 ... 1.
        resize: "warp" stretches to the square, as the paper does; "letterbox" keeps the aspect
            ratio and pads with the mean colour; "crop" resizes the shorter side and
            cuts out the centre.

    Raises:
        InputError: `image_size` or `resize` is not allowed.
    """

    image_size: int
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    resize: str = "warp"

    def __post_init__(self) -> None:
        check_integer("image_size", self.image_size, low=SMALLEST_SIDE)
        check_choice("resize", self.resize, RESIZES)

    def __call__(self, picture: Picture) -> Tensor:
        """Return the normalised (3, S, S) float32 tensor of a picture."""
        return self.normalize(self.load(picture))

    def load(self, picture: Picture) -> Tensor:
        """Decode and resize a picture.

        Args:
            picture: a file's path, an encoded file's bytes, a Pillow image, or a (3, H, W) uint8
                RGB tensor.

        Returns:
            (3, S, S) uint8 RGB.

        Raises:
            InputError: the picture cannot be read; the message names the file.
        """
        whole = _from_tensor(picture) if isinstance(picture, Tensor) else decoded(picture)
        square = self._resized(whole)
        return torch.from_numpy(np.array(square)).permute(2, 0, 1).contiguous()

    def normalize(self, levels: Tensor) -> Tensor:
        """Subtract the mean and divide by the standard deviation, on the tensor's device.

        Args:
            levels: (..., 3, S, S) with values in 0 ... 255, uint8 or (after augmentation) float.

        Returns:
            The same shape in float32.
        """
        mean = torch.tensor(self.mean, device=levels.device).view(3, 1, 1)
        std = torch.tensor(self.std, device=levels.device).view(3, 1, 1)
        return (levels.float() / 255 - mean) / std

    def _resized(self, picture: Image.Image) -> Image.Image:
        square = (self.image_size, self.image_size)
        if self.resize == "letterbox":
            return self._letterboxed(picture)
        if self.resize == "crop":
            return ImageOps.fit(picture, square, Image.Resampling.BILINEAR)
        return picture.resize(square, Image.Resampling.BILINEAR)

    def _letterboxed(self, picture: Image.Image) -> Image.Image:
        # ImageOps.pad fails where the shorter side of a very long picture rounds to nothing.
        scale = self.image_size / max(picture.size)
        width, height = (max(1, round(scale * side)) for side in picture.size)
        corner = ((self.image_size - width) // 2, (self.image_size - height) // 2)
        mean_colour = tuple(round(255 * level) for level in self.mean)
        square = Image.new("RGB", (self.image_size, self.image_size), mean_colour)
        square.paste(picture.resize((width, height), Image.Resampling.BILINEAR), corner)
        return square


def _from_tensor(levels: Tensor) -> Image.Image:
    if levels.dtype != torch.uint8 or levels.ndim != 3 or len(levels) != 3 or not levels.numel():
        raise InputError(
            "a picture given as a tensor must be uint8 of shape (3, H, W), "
            f"not {levels.dtype} of shape {tuple(levels.shape)}"
        )
    return Image.fromarray(levels.permute(1, 2, 0).contiguous().cpu().numpy())
