"""Callbacks that fail, for runs of a sweep; found through PYTHONPATH."""

import os
import resource
from pathlib import Path

import torch
from pytorch_lightning import Callback

FOLDER = "FAULTS_FOLDER"


class Nothing(Callback):
    """Does no harm."""


class Always(Callback):
    """Fails in each attempt."""

    def on_train_epoch_end(self, trainer, pl_module):
        raise RuntimeError("this cell fails always")


class Once(Callback):
    """Fails in the first attempt, after an epoch."""

    def on_train_epoch_end(self, trainer, pl_module):
        failed = Path(os.environ[FOLDER], "failed once")
        if trainer.current_epoch == 1 and not failed.exists():
            failed.touch()
            raise RuntimeError("this cell fails once")


class OutOfMemory(Callback):
    """Asks for more memory than there is for it."""

    def on_train_epoch_end(self, trainer, pl_module):
        resource.setrlimit(resource.RLIMIT_AS, (1 << 36, resource.RLIM_INFINITY))
        torch.zeros(1 << 37, dtype=torch.uint8)
