"""Fits `threshold: median` before the last checkpoint is written."""

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from dlheir.collector import ActivationCollector
from dlheir.console import progress
from dlheir.task import HashingTask


class FitThreshold(Callback):
    """Sets each bit's threshold to its median over the training set in evaluation mode.

    A run with a validation part needs this not: each validation hashes the training set and fits
    the threshold itself. Lightning calls checkpoint callbacks after all others, so the checkpoint
    of the last epoch has what is fitted here.
    """

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """After the last epoch, hash the training set once."""
        assert isinstance(pl_module, HashingTask)
        if pl_module.threshold != "median" or trainer.val_dataloaders or not _is_last(trainer):
            return
        datamodule = trainer.datamodule  # type: ignore[attr-defined]
        collector = ActivationCollector().to(pl_module.device)
        pl_module.eval()
        with torch.inference_mode(), trainer.precision_plugin.forward_context():
            for batch in progress(
                datamodule.loader_of(datamodule.split.training), "Fitting median"
            ):
                # This normalizes too: it calls the task's `on_after_batch_transfer`.
                ready = trainer.strategy.batch_to_device(batch)
                activations = pl_module.activations(ready.image)
                collector.update(ready.number, activations, ready.label)
        pl_module.fit_threshold(collector.compute())
        pl_module.train()


def _is_last(trainer: Trainer) -> bool:
    return (
        trainer.should_stop
        or trainer.current_epoch + 1 == trainer.max_epochs
        or trainer.global_step == trainer.max_steps
    )
