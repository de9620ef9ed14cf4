"""Pictures as batches: what to read is decided by a sampler, how by the network's transform."""

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler
from torchvision.transforms import v2

from dlheir.data.augmentation import augment, mixed_seed

LoadPicture = Callable[[Path], Tensor]


class Batch(NamedTuple):
    """A picture, or a batch of them.

    Attributes:
        image: uint8 (B, 3, S, S).
        label: int64 (B,).
        number: int64 (B,), of each picture in its set.
    """

    image: Tensor
    label: Tensor
    number: Tensor


class Draw(NamedTuple):
    """One picture in one epoch; augmentation depends on both."""

    epoch: int
    number: int


class PictureDataset(Dataset[Batch]):
    """Pictures of one side of a split.

    Args:
        paths: The picture files.
        labels: The class of each.
        load: Path -> uint8 (3, S, S).
        augmentation: Applied to what `load` gives, or None.
        seed: Decides the augmentation, with epoch and number.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        labels: Sequence[int],
        load: LoadPicture,
        augmentation: v2.Transform | None = None,
        seed: int = 0,
    ) -> None:
        self.paths = paths
        self.labels = labels
        self._load = load
        self._augmentation = augmentation
        self._seed = seed

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, draw: Draw) -> Batch:
        image = self._load(self.paths[draw.number])
        if self._augmentation is not None:
            image = augment(self._augmentation, image, self._seed, draw.epoch, draw.number)
        return Batch(image, torch.tensor(self.labels[draw.number]), torch.tensor(draw.number))


class EpochSampler(Sampler[Draw]):
    """The pictures of each epoch, in an order that depends on (seed, epoch) alone.

    A resumed run therefore sees what an uninterrupted one sees. Each device takes every
    `devices`-th picture; the order is padded with its own beginning so that all take equally
    many, and whoever counts results drops what occurs twice by its number.

    Args:
        size: Number of pictures.
        draws: How many of them an epoch has, the first of its order; by default all.
        shuffle: Whether to draw a new order in each epoch.
        seed: Decides the orders.
        rank: This device's number, from 0.
        devices: Number of devices.
    """

    def __init__(
        self,
        size: int,
        *,
        draws: int | None = None,
        shuffle: bool = False,
        seed: int = 0,
        rank: int = 0,
        devices: int = 1,
    ) -> None:
        self._size = size
        self._draws = size if draws is None else draws
        self._shuffle = shuffle
        self._seed = seed
        self._rank = rank
        self._devices = devices
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this before each epoch, after a resumption too."""
        self._epoch = epoch

    def __len__(self) -> int:
        return math.ceil(self._draws / self._devices)

    def __iter__(self) -> Iterator[Draw]:
        order = np.arange(self._size)
        if self._shuffle:
            order = np.random.default_rng(mixed_seed(self._seed, self._epoch)).permutation(order)
        padded = np.resize(order[: self._draws], len(self) * self._devices)
        for number in padded[self._rank :: self._devices]:
            yield Draw(self._epoch, int(number))
