"""From pictures to codes (the paper's hashgen): one way for the owner and for the query user."""

import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dlheir.checkpoints import load_checkpoint
from dlheir.errors import InputError
from dlheir.files import sha256_of_file
from dlheir.machine import usable_cores
from dlheir.memory import keep_freed_memory
from dlheir.store.owner import Picture
from dlheir.store.policy import NO_NETWORK, Policy

_BATCHES = {"cpu": 16, "cuda": 64}  # pictures that the network sees at once


class Hashed(NamedTuple):
    """Pictures with their codes.

    Attributes:
        pictures: N of those given, with their bytes in place of their files: what is sealed is
            then what was hashed, also where a file changes meanwhile.
        codes: (N, bits) uint8 in {0, 1}.
        unreadable: an error on each of the others; it names the picture.
    """

    pictures: list[Picture]
    codes: NDArray[np.uint8]
    unreadable: list[InputError]


class Hasher:
    """A trained network on the fastest device that there is."""

    def __init__(self, checkpoint: Path) -> None:
        """Load the network.

        Raises:
            InputError: when the file is no checkpoint.
        """
        keep_freed_memory()
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        network = load_checkpoint(checkpoint).to(self._device)
        # Convolutions are faster in this layout, on CPUs too.
        self._network = network.to(memory_format=torch.channels_last)
        self._batch = _BATCHES[self._device.type]
        self.bits: int = self._network.settings["bits"]
        self.sha256 = bytes.fromhex(sha256_of_file(checkpoint))
        self._checkpoint = checkpoint

    def check(self, policy: Policy) -> None:
        """Refuse a store that another network has made the codes of.

        Raises:
            InputError: when this is another.
        """
        if policy.network not in (NO_NETWORK, self.sha256):
            raise InputError(
                f"{self._checkpoint}: not the network that made this store's codes, and codes of "
                "two networks do not compare; give the file with SHA-256 "
                f"{policy.network.hex()}"
            )

    def hash(self, pictures: Sequence[Picture]) -> Hashed:
        """Read and hash pictures; their files are decoded while the network is at work."""
        readable: list[Picture] = []
        unreadable: list[InputError] = []
        codes = [np.empty((0, self.bits), dtype=np.uint8)]
        with ThreadPoolExecutor(usable_cores()) as pool, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd metadata; the picture is fine
            loaded = pool.map(self._load, pictures)
            for _ in range(0, len(pictures), self._batch):
                levels = []
                for found in islice(loaded, self._batch):
                    if isinstance(found, InputError):
                        unreadable.append(found)
                    else:
                        readable.append(found[0])
                        levels.append(found[1])
                if levels:
                    codes.append(self._codes(torch.stack(levels)))
        return Hashed(readable, np.concatenate(codes), unreadable)

    def _load(self, picture: Picture) -> tuple[Picture, Tensor] | InputError:
        try:
            content = picture.read()
        except InputError as error:
            return error
        try:
            levels = self._network.transform.load(content)
        except InputError as error:
            return InputError(f"{picture.source!s}: {error}")
        return Picture(picture.name, content), levels

    @torch.inference_mode()
    def _codes(self, levels: Tensor) -> NDArray[np.uint8]:
        images = self._network.transform.normalize(levels.to(self._device))
        codes = self._network.codes(images.to(memory_format=torch.channels_last))
        return codes.cpu().numpy()
