"""Hashing by PyTorch."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dlheir.files import sha256_of_file
from dlheir.hashing.folding import fold_batch_norms
from dlheir.memory import keep_freed_memory
from dlheir.models import load_checkpoint
from dlheir.models.checks import check_choice

PRECISIONS = ("fp32", "bf16")
_BATCHES = {"cpu": 32, "cuda": 64}


class TorchHasher:
    """A checkpoint's network on the fastest device that there is; a `Hasher`."""

    def __init__(self, checkpoint: Path, precision: str = "fp32") -> None:
        """Load the network.

        Args:
            checkpoint: the file of a run, or a published one.
            precision: "fp32", or "bf16" for the layers below the hash layer, which stays float32:
                its activations are compared with thresholds.

        Raises:
            InputError: the file is no checkpoint, or there is no such precision.
        """
        keep_freed_memory()
        self.precision = check_choice("precision", precision, PRECISIONS)
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        network = load_checkpoint(checkpoint).to(self._device)
        # The hash layer stays as it was trained: its activations are compared with thresholds.
        fold_batch_norms(network.features)
        fold_batch_norms(network.tail)
        # Convolutions are faster in this layout, on CPUs too.
        self._network = network.to(memory_format=torch.channels_last)
        self.bits: int = network.settings["bits"]
        self.transform = network.transform
        self.checkpoint_sha256 = sha256_of_file(checkpoint)
        self.batch_size = _BATCHES[self._device.type]

    @torch.inference_mode()
    def codes(self, levels: Tensor) -> NDArray[np.uint8]:
        """Return the codes (B, bits) of levels (B, 3, S, S)."""
        network, kind = self._network, self._device.type
        images = self.transform.normalize(levels.to(self._device))
        images = images.to(memory_format=torch.channels_last)
        with torch.autocast(kind, torch.bfloat16, enabled=self.precision == "bf16"):
            maps = network.tail(network.features(images))
        return network.binarize(network.hash_layer(maps.float())).cpu().numpy()
