"""Data sets, their splits, and batches of pictures.

Every data module class here is known to the command line by its name: `--data Corel5K`.
"""

from dlheir.data.augmentation import Augmentation
from dlheir.data.corel import Corel1K, Corel5K, Corel10K
from dlheir.data.folder import PictureFolder
from dlheir.data.generated import Generated

__all__ = ["Augmentation", "Corel1K", "Corel5K", "Corel10K", "Generated", "PictureFolder"]
