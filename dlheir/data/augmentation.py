"""Training pictures varied at random, as a function of (seed, epoch, picture) alone."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.transforms import v2

from dlheir.errors import InputError


@dataclass(frozen=True)
class Augmentation:
    """How training pictures are varied; evaluation never sees it.

    Attributes:
        flip: Mirror half of the pictures left to right.
        min_area: Cut out a part of at least this share of the picture's area, in (0, 1]; 1 cuts
            nothing.
        jitter: Strength of changes in brightness, contrast and saturation, in [0, 1];
            hue changes by a quarter of it.
        erase: Share of the pictures in which a rectangle is blanked, in [0, 1].
    """

    flip: bool = True
    min_area: float = 1.0
    jitter: float = 0.0
    erase: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.min_area <= 1:
            raise InputError(f"augmentation.min_area is {self.min_area}; it must be in (0, 1]")
        if not 0 <= self.jitter <= 1:
            raise InputError(f"augmentation.jitter is {self.jitter}; it must be in [0, 1]")
        if not 0 <= self.erase <= 1:
            raise InputError(f"augmentation.erase is {self.erase}; it must be in [0, 1]")

    def build(self, image_size: int) -> v2.Transform:
        """The transform of a uint8 picture (3, image_size, image_size)."""
        steps: list[v2.Transform] = []
        if self.min_area < 1:
            area = (self.min_area, 1.0)
            steps.append(v2.RandomResizedCrop(image_size, scale=area, antialias=True))
        if self.flip:
            steps.append(v2.RandomHorizontalFlip())
        if self.jitter:
            steps.append(v2.ColorJitter(self.jitter, self.jitter, self.jitter, self.jitter / 4))
        if self.erase:
            steps.append(v2.RandomErasing(p=self.erase))
        return v2.Compose(steps or [v2.Identity()])


def augment(transform: v2.Transform, picture: Tensor, seed: int, epoch: int, number: int) -> Tensor:
    """Vary one picture, the same way whenever and wherever it is asked for.

    Args:
        transform: What `Augmentation.build` made.
        picture: uint8 (3, S, S).
        seed: The run's seed.
        epoch: Number of the epoch, from 0.
        number: Of the picture in its set.

    Returns:
        uint8 (3, S, S).
    """
    with torch.random.fork_rng(devices=[]):
        # Not torch.manual_seed, which seeds the GPUs too: fork_rng does not put theirs back here.
        torch.default_generator.manual_seed(mixed_seed(seed, epoch, number))
        varied: Tensor = transform(picture)
    return varied


def mixed_seed(*numbers: int) -> int:
    """One 63-bit seed from several numbers; neighbours give unrelated seeds."""
    mixed = 0
    for number in numbers:  # splitmix64: each number is added, then stirred
        mixed = (mixed + number + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
        mixed ^= mixed >> 31
    return mixed >> 1
