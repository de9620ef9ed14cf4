"""What makes codes of pictures, whichever program runs the network."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dlheir.models import PictureTransform


class Hasher(Protocol):
    """A trained network that is ready to hash.

    Attributes:
        bits: code length.
        transform: reads a picture as the network takes it; `codes` normalizes.
        checkpoint_sha256: hexadecimal SHA-256 of the checkpoint that the network comes from; codes
            of two networks do not compare.
        precision: of its arithmetic, such as "fp32".
        batch_size: pictures that it hashes best at once.
    """

    bits: int
    transform: PictureTransform
    checkpoint_sha256: str
    precision: str
    batch_size: int

    def codes(self, levels: Tensor) -> NDArray[np.uint8]:
        """Return the codes of pictures as `transform.load` reads them.

        Args:
            levels: (B, 3, S, S) uint8, on the CPU.

        Returns:
            (B, bits) uint8 in {0, 1}.
        """
        ...
