"""What training shows while it runs: a bar in a terminal, a line per epoch in a log file."""

import time

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ProgressBar, RichProgressBar

from dlheir.console import console


def training_progress() -> ProgressBar:
    """A progress bar where stderr is a terminal, else lines that do not flood a log."""
    if console.is_terminal:
        return Bar(console_kwargs={"stderr": True})
    return EpochLines()


class Bar(RichProgressBar):
    """Lightning's bar without its version number, a piece of the run id here."""

    def get_metrics(
        self, trainer: Trainer, pl_module: LightningModule
    ) -> dict[str, int | str | float | dict[str, float]]:
        """What stands behind the bar."""
        metrics = super().get_metrics(trainer, pl_module)
        metrics.pop("v_num", None)
        return metrics


class EpochLines(ProgressBar):
    """Prints one line after each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self._began = 0.0
        self._enabled = True

    def disable(self) -> None:
        """Print nothing: Lightning calls this where another process prints."""
        self._enabled = False

    def enable(self) -> None:
        """Print again."""
        self._enabled = True

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock; the time before a resumption does not count."""
        super().on_train_start(trainer, pl_module)
        self._began = time.monotonic()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Print what a bar would show."""
        if not self._enabled or not trainer.is_global_zero:
            return
        shown = (f"{name} {float(v):.4f}" for name, v in trainer.progress_bar_metrics.items())
        seconds = time.monotonic() - self._began
        epochs = trainer.max_epochs if trainer.max_epochs != -1 else "no end"
        line = f"Epoch {trainer.current_epoch + 1} of {epochs}"
        console.print("  ".join([line, *shown, f"{seconds:.0f} s"]), soft_wrap=True)
