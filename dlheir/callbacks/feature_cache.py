"""Computes the feature maps that are not in the cache yet, before training or testing."""

import os
from pathlib import Path

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from dlheir.console import console, counter
from dlheir.data import PictureFolder
from dlheir.errors import InputError
from dlheir.features import FeatureCache, cache_folder
from dlheir.files import free_space
from dlheir.task import HashingTask


class FillFeatureCache(Callback):
    """With `model.cache_features`, hands the task a cache that holds all of the run's pictures."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:  # noqa: ARG002
        """Find the cache of this backbone, and fill it.

        Later hooks are too late: Lightning starts the loaders' workers before them.
        """
        assert isinstance(pl_module, HashingTask)
        if not pl_module.cache_features:
            return
        data: PictureFolder = trainer.datamodule  # type: ignore[attr-defined]
        circumstances = {
            "precision": trainer.precision,
            "device": trainer.strategy.root_device.type,
        }
        digests = {data.collection.root / name: facts.sha256 for name, facts in data.facts.items()}
        folder = cache_folder(pl_module.network, circumstances)
        cache = FeatureCache(folder, digests)
        _fill(cache, trainer, pl_module)
        pl_module.feature_cache = cache


def _fill(cache: FeatureCache, trainer: Trainer, task: HashingTask) -> None:
    """Compute what is missing; processes that fill one cache share the work.

    Each begins at another place and passes over what others have written meanwhile.
    """
    data: PictureFolder = trainer.datamodule  # type: ignore[attr-defined]
    split = data.split
    names = (*split.training, *split.validation, *split.database, *split.queries)
    missing = cache.missing(data.paths(tuple(dict.fromkeys(names))))
    if not missing:
        return
    console.print(f"Feature maps: {cache.folder}", soft_wrap=True)
    task.network.to(trainer.strategy.root_device)  # where Lightning brings it a moment later
    task.lay_out()
    size = data.batch_per_device(trainer.world_size)
    batches = [missing[start : start + size] for start in range(0, len(missing), size)]
    begin = os.getpid() % len(batches)
    with counter("Computing feature maps", len(missing)) as advance:
        for batch in batches[begin:] + batches[:begin]:
            left = cache.missing(batch)
            if left:
                maps = _feature_maps(trainer, task, left)
                _check_room(cache.folder, maps[0].numel() * 4 * len(missing))
                cache.write(left, maps)
            advance(len(batch))


@torch.inference_mode()
def _feature_maps(trainer: Trainer, task: HashingTask, pictures: list[Path]) -> Tensor:
    """Run the backbone on some pictures as training without a cache would."""
    device = trainer.strategy.root_device
    levels = torch.stack([task.network.transform.load(picture) for picture in pictures])
    training = task.network.features.training
    task.network.features.eval()
    with trainer.precision_plugin.forward_context():
        maps = task.computed_feature_maps(levels.to(device))
    task.network.features.train(training)
    return maps


def _check_room(folder: Path, needed: int) -> None:
    parent, free = free_space(folder)
    if free < needed:
        raise InputError(
            f"{parent}: {free / 1e6:.0f} MB free, about {needed / 1e6:.0f} MB needed for feature "
            "maps; make room, name another cache by XDG_CACHE_HOME, or do without by "
            "--model.cache_features false"
        )
