"""Weights & Biases: the same curves, and the run folder's results, table and picture."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lightning_fabric.loggers.logger import rank_zero_experiment
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import WandbLogger

from dlheir.console import console
from dlheir.data.folder import PictureFolder
from dlheir.results import read_results
from dlheir.runs import RunFolder

# Seconds to wait for W&B's server at the start.
PATIENCE = 30


@dataclass(frozen=True)
class WandbOptions:
    """How a run is logged to Weights & Biases.

    Attributes:
        mode: "auto" is online where there is a login and W&B answers, and offline otherwise; an
            offline run waits in the run's folder for `wandb sync`. "disabled" logs to the run's
            folder alone.
        project: The W&B project.
        pictures: Send retrieval.png of pictures that are not public, too. W&B is a third party.
    """

    mode: Literal["auto", "online", "offline", "disabled"] = "auto"
    project: str = "dlheir"
    pictures: bool = False


class ForgivingWandbLogger(WandbLogger):
    """Goes on offline where W&B cannot be reached: a run is worth more than its log."""

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The W&B run, begun when it is first asked for."""
        import wandb

        try:
            return super().experiment
        except wandb.errors.CommError:
            console.print("W&B cannot be reached; logging offline, for `wandb sync` later")
            wandb.teardown()  # a run that could not begin stands in the way of another
            self._wandb_init["mode"] = "offline"
            return super().experiment


def wandb_logger(
    options: WandbOptions, run: RunFolder, experiment: str, config: dict[str, Any]
) -> WandbLogger | None:
    """Make the logger of one run; a resumed run goes on under the same id.

    Args:
        options: See there.
        run: The run's folder, which holds W&B's files too.
        experiment: The runs to compare it with: W&B's group.
        config: The resolved configuration.

    Returns:
        The logger, or None where W&B is disabled.
    """
    if options.mode == "disabled":
        return None
    # A privacy project reports nothing to third parties unasked.
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    os.environ.setdefault("WANDB_SILENT", "true")
    os.environ.setdefault("WANDB_INIT_TIMEOUT", str(PATIENCE))
    kind = ForgivingWandbLogger if options.mode == "auto" else WandbLogger
    return kind(
        project=options.project,
        id=run.run_id,
        name=run.run_id,
        group=experiment,
        save_dir=run.path,
        mode=_mode(options),
        config=config,
    )


class WandbReport(Callback):
    """Sends what the run's folder holds at the end.

    Args:
        options: See there.
    """

    def __init__(self, options: WandbOptions) -> None:
        self._options = options

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Log results, precision@k table and picture, and end the W&B run."""
        if not trainer.is_global_zero:
            return
        import wandb

        run = RunFolder(Path(trainer.default_root_dir))
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                self._log(logger.experiment, run, trainer.datamodule)  # type: ignore[attr-defined]
                wandb.finish()

    def _log(self, experiment: Any, run: RunFolder, data: PictureFolder) -> None:
        import wandb

        results = read_results(run.results)
        columns: list[str | int] = ["k", "precision", "expected_precision", "precision_ceiling"]
        rows = [
            [int(k), *(results[str(column)][k] for column in columns[1:])]
            for k in results["precision"]
        ]
        experiment.log({"precision_at_k": wandb.Table(columns=columns, data=rows)})
        if data.public or self._options.pictures:
            experiment.log({"retrieval": wandb.Image(str(run.picture))})
        kept = ("precision", "expected_precision", "expected_map", "complexity", "timing")
        experiment.summary.update({name: results[name] for name in kept})


def _mode(options: WandbOptions) -> str:
    """Online or offline; finds out by itself and never asks the person at the keyboard."""
    import wandb

    if options.mode == "auto":
        return "online" if wandb.login(prompt=False, verify=False) else "offline"
    return options.mode
