"""The second yardstick: what a network learned from ImageNet, made codes without labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dlheir.baselines.hamming import Codes, HammingIndex
from dlheir.baselines.registry import register_system
from dlheir.baselines.system import Features, System
from dlheir.console import progress
from dlheir.errors import InputError
from dlheir.machine import usable_cores

if TYPE_CHECKING:  # torch takes seconds to import, and the other baselines need none of it
    from torch import Tensor

_BATCH = 16
_KEY_BYTES = 32


@register_system("imagenet_itq")
class ImageNetITQ(System[Codes]):
    """Codes of an ImageNet network's pooled features by iterative quantization.

    The network is trained no further, and no label is used: what a hashing network adds to this is
    its training. Codes are protected as the store's keyed codes are.

    Source: Gong, Lazebnik, "Iterative Quantization" (CVPR 2011); `dlheir.objectives.itq`.

    Args:
        backbone: One of `dlheir.list_models()`.
        backbone_weights: "DEFAULT", which is downloaded, or the path of a state dict.
        bits: Code length, at most the backbone's channels.
        image_size: Side of the network's square input in pixels.
        seed: See `System`.
    """

    def __init__(
        self,
        *,
        backbone: str = "mobilenet_v2",
        backbone_weights: str = "DEFAULT",
        bits: int = 48,
        image_size: int = 224,
        seed: int | None = None,
    ) -> None:
        import torch

        from dlheir.models import get_model
        from dlheir.store.protection import KeyedTransform

        super().__init__(seed=seed)
        self.title = f"ImageNet {backbone}, ITQ, {bits} bits"
        self._network = get_model(
            backbone,
            bits=bits,
            image_size=image_size,
            tail="none",
            backbone_weights=backbone_weights,
            hash_order="pool_first",
        )
        self._network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        self._protection = KeyedTransform.from_key(self._random.bytes(_KEY_BYTES), bits)
        self._solved = False

    def prepare(self, pictures: Sequence[Path]) -> None:
        """Find the projection from the pictures' pooled features."""
        import torch

        from dlheir.objectives import ClosedForm, get_objective

        network = self._network
        objective = get_objective("itq", network.settings["bits"], network.settings["num_classes"])
        assert isinstance(objective, ClosedForm)
        maps = self._feature_maps(pictures, "Pooling feature maps")
        pooled = torch.cat([batch.mean(dim=(2, 3)) for batch in maps])
        objective.solve(
            pooled,
            torch.zeros(len(pooled), dtype=torch.long),
            network.hash_layer,
            torch.Generator().manual_seed(int(self._random.integers(2**63))),
        )
        self._solved = True

    def features(self, pictures: Sequence[Path]) -> Features:
        """Hash the pictures: codes (N, bits) uint8 in {0, 1}."""
        if not self._solved:
            raise InputError(f"{self.title}: no projection yet; call prepare(pictures) first")
        maps = self._feature_maps(pictures, "Hashing pictures")
        network = self._network
        codes = [network.binarize(network.hash_layer(batch)).numpy() for batch in maps]
        return np.concatenate(codes)

    def index(self, features: Features) -> HammingIndex:
        """Protect the codes; the server gets these."""
        return HammingIndex(self.trapdoors(features))

    def trapdoors(self, features: Features) -> Codes:
        """Protect the codes of queries: bits change places, and some flip, the same in all."""
        return self._protection.apply(features)

    def _feature_maps(self, pictures: Sequence[Path], description: str) -> Iterator[Tensor]:
        """Yield the backbone's feature maps (B, C, h, w) of pictures, decoded in threads."""
        import torch

        if not pictures:
            raise InputError("no picture to extract features from; give at least one")
        network = self._network
        with ThreadPoolExecutor(usable_cores()) as pool:
            loaded = iter(pool.map(network.transform.load, pictures))
            batches = range(0, len(pictures), _BATCH)
            for _ in progress(batches, description, total=len(batches)):
                levels = torch.stack(list(islice(loaded, _BATCH)))
                images = network.transform.normalize(levels)
                yield network.features(images.to(memory_format=torch.channels_last))
