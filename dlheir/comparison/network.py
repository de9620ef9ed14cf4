"""Our own networks as a system beside the others: codes, keyed codes, Hamming search.

The pieces are the store's own: what hashes a picture, transforms its code and searches here does
the same behind `dlheir store`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dlheir.baselines import Features, System
from dlheir.baselines.hamming import Codes, HammingIndex
from dlheir.comparison.settings import NETWORK, SystemSettings
from dlheir.errors import InputError
from dlheir.hashing import Hasher, hash_pictures, open_hasher
from dlheir.models import get_model, list_models
from dlheir.models.published import SUFFIX, write_published
from dlheir.store.derivation import KEY_BYTES
from dlheir.store.owner import Picture
from dlheir.store.policy import STORE_ID_BYTES, Policy
from dlheir.store.protection import CodeProtection

_AT_ONCE = 250  # their files are held in memory together


class NetworkSystem(System[Codes]):
    """A trained network with the store's `keyed` protection of its codes.

    Pickled without the network, which unpickling loads again, as a user's process does at first.
    """

    name = NETWORK

    def __init__(self, checkpoint: str, title: str, *, seed: int | None = None) -> None:
        """Load the network and draw the keys.

        Args:
            checkpoint: Its name in the registry, or its path.
            title: What tables call it.
            seed: Draws the keys; null takes the operating system's randomness.

        Raises:
            InputError: There is no such checkpoint.
        """
        super().__init__(seed=seed)
        self.title = title
        self._checkpoint = checkpoint
        self._hasher: Hasher = open_hasher(checkpoint)
        self.bits = self._hasher.bits
        policy = Policy(self._random.bytes(STORE_ID_BYTES), self.bits, "keyed")
        self._protection = CodeProtection(policy, 1, self._random.bytes(KEY_BYTES))

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_hasher"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._hasher = open_hasher(self._checkpoint)

    @property
    def identity(self) -> str:
        """SHA-256 of the checkpoint."""
        return self._hasher.checkpoint_sha256

    def features(self, pictures: Sequence[Path]) -> Features:
        """Hash pictures: (N, bits) uint8 in {0, 1}."""
        codes = [np.empty((0, self.bits), dtype=np.uint8)]
        for start in range(0, len(pictures), _AT_ONCE):
            some = pictures[start : start + _AT_ONCE]
            hashed = hash_pictures(self._hasher, [Picture(path.name, path) for path in some])
            for error in hashed.unreadable:
                raise error
            codes.append(hashed.codes)
        return np.concatenate(codes)

    def index(self, features: Features) -> HammingIndex:
        """Transform the codes with the key, and lay them out for the engine that fits them."""
        return HammingIndex(self._protection.trapdoor(features))

    def trapdoors(self, features: Features) -> Codes:
        """Transform the queries' codes with the same key."""
        return self._protection.trapdoor(features)


def has_random_weights(system: SystemSettings) -> bool:
    """Whether a system is a network that nobody has trained, whose codes are all much alike."""
    return system.name == NETWORK and system.options[NETWORK] in list_models()


def make_network(system: SystemSettings, folder: Path, seed: int) -> NetworkSystem:
    """Make the system of a network.

    Args:
        system: Its settings.
        folder: Where a network with random weights is written.
        seed: Draws random weights and keys.

    Raises:
        InputError: There is no such checkpoint, or an option is not allowed.
    """
    network, options = system.options[NETWORK], dict(system.options)
    del options[NETWORK]
    if has_random_weights(system):
        given = {"bits": 48, "image_size": 224} | options
        for name in options:
            if name not in {"bits", "image_size"}:
                raise InputError(f"network {network}: unknown {name!r}; give bits, image_size")
        title = f"{network}, {given['bits']} bits, {given['image_size']} px, random weights"
        checkpoint = str(_with_random_weights(network, given, folder, seed))
    else:
        for name in options:
            raise InputError(
                f"network {network}: {name!r} is fixed by its checkpoint; leave it out, or give a "
                "model's name (python -c 'import dlheir; print(dlheir.list_models())')"
            )
        title = checkpoint = str(network)
    return NetworkSystem(checkpoint, system.title or title, seed=seed)


def _with_random_weights(name: str, options: dict[str, Any], folder: Path, seed: int) -> Path:
    """Write a network as a checkpoint, unless it is there."""
    stem = f"{name.replace('/', '-')}-{options['bits']}b-{options['image_size']}px-s{seed}"
    path = folder / f"{stem}{SUFFIX}"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            network = get_model(name, **options)
        write_published(path, network.settings, network.state_dict(), {})
    return path
