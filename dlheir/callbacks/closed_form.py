"""Solves closed-form objectives, in the place of training."""

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from dlheir.callbacks.clock import TrainingClock
from dlheir.collector import ActivationCollector
from dlheir.console import progress
from dlheir.data.augmentation import mixed_seed
from dlheir.objectives import ClosedForm
from dlheir.runs import RunFolder
from dlheir.task import HashingTask


class SolveClosedForm(Callback):
    """Sets the hash layer from the training set's features once, and writes the checkpoint.

    The trainer trains no epoch of such a task.

    Args:
        run: The run's folder.
        clock: Counts the time.
    """

    def __init__(self, run: RunFolder, clock: TrainingClock) -> None:
        self._run = run
        self._clock = clock

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Pool the feature maps of the training set, and solve."""
        assert isinstance(pl_module, HashingTask)
        if not isinstance(pl_module.objective, ClosedForm):
            return
        with self._clock.counting():
            data = trainer.datamodule  # type: ignore[attr-defined]
            names = data.split.training
            collector = ActivationCollector().to(pl_module.device)
            pl_module.eval()
            with torch.inference_mode(), trainer.precision_plugin.forward_context():
                for batch in progress(data.loader_of(names), "Pooling feature maps"):
                    ready = trainer.strategy.batch_to_device(batch)
                    pooled = pl_module.feature_maps(ready.image).float().mean(dim=(2, 3))
                    collector.update(ready.number, pooled, ready.label)
            pl_module.objective.solve(
                torch.from_numpy(collector.compute().activations),
                torch.tensor(data.training_labels(names)),
                pl_module.network.hash_layer,
                torch.Generator().manual_seed(mixed_seed(data.seed)),
            )
            pl_module.train()
        trainer.save_checkpoint(self._run.last)
