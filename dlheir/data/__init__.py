"""Data sets, their splits, and batches of pictures.

Every data module class here is known to the command line by its name: `--data Corel5K`.
"""

from dlheir.data.augmentation import Augmentation
from dlheir.data.cifar10 import CIFAR10
from dlheir.data.corel import Corel1K, Corel5K, Corel10K
from dlheir.data.folder import PictureFolder
from dlheir.data.generated import Generated

__all__ = [
    "CIFAR10",
    "Augmentation",
    "Corel1K",
    "Corel5K",
    "Corel10K",
    "Generated",
    "PictureFolder",
]
