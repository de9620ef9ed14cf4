"""How long training took, over all sessions of a run that was interrupted."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer


class TrainingClock(Callback):
    """Counts the seconds of training.

    Lightning's Timer would count twice what a checkpoint remembers, when that is tested in the
    process that trained it.

    Attributes:
        seconds: Up to the last whole epoch, of this session and of those before.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._began = 0.0

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count the time of a block as training."""
        began = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - began

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Go on from where an earlier session stopped."""
        self._began = time.perf_counter() - self.seconds

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Read the clock before the checkpoint of this epoch is written."""
        self.seconds = time.perf_counter() - self._began

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint remembers."""
        return {"seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over an earlier session's time; the best checkpoint's may be less than what is."""
        self.seconds = max(self.seconds, state_dict["seconds"])
