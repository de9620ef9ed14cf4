"""Feature maps of a frozen backbone, computed once and kept on disk by content.

Where the whole backbone is frozen and training pictures are not varied, every epoch of every run
sees the same feature maps. With them at hand only the tail and the hash layer are left to train.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dlheir.errors import InputError
from dlheir.files import sha256_of, user_cache, written_whole
from dlheir.models import HashingNetwork


class FeatureCache:
    """A folder with the feature map of each picture, as a network's `features` makes it.

    A map's place is named after all that it depends on: weights and settings of the backbone,
    transform, numerical circumstances, and the picture's own bytes. Several processes may fill and
    read one cache; files are whole or absent.

    Args:
        folder: Where the maps of this backbone are; made when the first map is written.
        digests: SHA-256 of each picture's file, by its path.
    """

    def __init__(self, folder: Path, digests: Mapping[Path, str]) -> None:
        self.folder = folder
        self._digests = digests

    def load(self, picture: Path) -> Tensor:
        """Return a picture's feature map, float32 (c, h, w).

        Raises:
            InputError: The file was damaged or removed since it was looked for.
        """
        place = self._place(picture)
        try:
            return torch.from_numpy(np.load(place))
        except (OSError, ValueError) as error:
            raise InputError(
                f"{place}: this cached feature map cannot be read; remove it and run again"
            ) from error

    def missing(self, pictures: Iterable[Path]) -> list[Path]:
        """Return the pictures whose feature map is not there."""
        return [picture for picture in pictures if not self._place(picture).is_file()]

    def write(self, pictures: Sequence[Path], feature_maps: Tensor) -> None:
        """Keep feature maps.

        Args:
            pictures: The files of B pictures.
            feature_maps: Theirs, (B, c, h, w) on any device. Half precision is kept as float32,
                which changes no value.
        """
        maps = feature_maps.float().cpu().numpy()
        for picture, feature_map in zip(pictures, maps, strict=True):
            place = self._place(picture)
            place.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(place) as part, part.open("wb") as file:
                np.save(file, np.ascontiguousarray(feature_map))

    def _place(self, picture: Path) -> Path:
        digest = self._digests[picture]
        return self.folder / digest[:2] / f"{digest}.npy"


def cache_folder(network: HashingNetwork, circumstances: Mapping[str, Any]) -> Path:
    """Name the folder of a backbone's feature maps.

    Args:
        network: Its `features` and `transform` count, not what comes after them.
        circumstances: What else decides a map's last bits, such as the precision.

    Returns:
        A folder in the user's cache (XDG_CACHE_HOME).
    """
    transform = asdict(network.transform)
    after = {"bits", "num_classes", "hash_order", "head", "block_channels", "expansion"}
    backbone = {key: value for key, value in network.settings.items() if key not in after}
    weights = sha256()
    for name, values in sorted(network.features.state_dict().items()):
        weights.update(f"{name} {tuple(values.shape)} {values.dtype}".encode())
        weights.update(values.cpu().contiguous().flatten().view(torch.uint8).numpy())
    content = {
        "backbone": backbone,
        "weights": weights.hexdigest(),
        "transform": transform,
        "torch": torch.__version__,
        **circumstances,
    }
    name = f"{network.settings['name'].replace('/', '-')}-{sha256_of(content)[:16]}"
    return user_cache() / "features" / name
