"""`dlheir fit` and `dlheir test`: Lightning's command line, one folder a run."""

import logging
import shutil
import warnings
from pathlib import Path
from typing import Any, NoReturn

import yaml
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import RichProgressBar, Timer
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI
from pytorch_lightning.trainer.states import TrainerStatus
from pytorch_lightning.utilities import rank_zero_only
from rich.console import Console

from dlheir import data
from dlheir.callbacks.checkpointing import WholeFileCheckpointIO, checkpoint_callbacks
from dlheir.callbacks.metrics_csv import MetricsCsv
from dlheir.callbacks.retrieval import RetrievalCallback
from dlheir.callbacks.threshold import FitThreshold
from dlheir.callbacks.wandb import WandbOptions, WandbReport, wandb_logger
from dlheir.console import console
from dlheir.data.split import write_split
from dlheir.errors import InputError, find_input_error
from dlheir.files import sha256_of_file, written_whole
from dlheir.models.trained import load_trained
from dlheir.models.weights import read_torch_file
from dlheir.results import precision_table, read_results
from dlheir.runs import RunFolder, run_id
from dlheir.task import HashingTask

TRAINER_DEFAULTS = {
    "max_epochs": 200,  # the paper's
    "devices": 1,
    "log_every_n_steps": 10,
    "enable_model_summary": False,
    "num_sanity_val_steps": 0,
    # The samplers share pictures among devices themselves; see EpochSampler.
    "use_distributed_sampler": False,
}
# Of a checkpoint: weights and momentum, for the last, the best and the one being written.
CHECKPOINT_COPIES = 2 * 3


class Parser(LightningArgumentParser):
    """Answers wrong arguments with one line."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise instead of printing the usage."""
        # What a constructor said stands deep in jsonargparse's message.
        raise find_input_error(ex) or InputError(" ".join(message.split())) from ex


class RunCLI(LightningCLI):
    """Names the run's folder, keeps it whole, and tests each run after its training."""

    datamodule: data.PictureFolder
    model: HashingTask
    run: RunFolder
    metrics: MetricsCsv

    def __init__(self, args: list[str]) -> None:
        super().__init__(
            HashingTask,
            data.PictureFolder,
            subclass_mode_data=True,
            save_config_callback=None,  # written once the run's folder is known
            trainer_defaults=TRAINER_DEFAULTS,
            seed_everything_default=0,
            parser_class=Parser,
            auto_configure_optimizers=False,
            load_from_checkpoint_support=False,  # keeps hyperparameters plain
            args=args,
        )

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """The two that a run has, with the arguments of Trainer's methods that are set here."""
        skipped = {"model", "datamodule", "weights_only"}
        return {
            "fit": skipped | {"train_dataloaders", "val_dataloaders"},
            "test": skipped | {"dataloaders", "verbose"},
        }

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add what a run is besides model, data and trainer."""
        parser.add_argument("--runs", type=str, default="runs", help="Folder of all runs.")
        parser.add_argument(
            "--experiment", type=str, default="default", help="Folder of runs that belong together."
        )
        parser.add_class_arguments(RetrievalCallback, "retrieval")
        parser.add_class_arguments(WandbOptions, "wandb")
        parser.link_arguments("seed_everything", "data.init_args.seed")
        for name in ("num_classes", "image_size", "resize"):
            parser.link_arguments(f"data.{name}", f"model.{name}", apply_on="instantiate")

    def _parse_ckpt_path(self) -> None:
        """Take no settings from a checkpoint, as Lightning would: the configuration decides."""

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Name the run after its content; give the trainer its folder, callbacks and loggers."""
        config, settings = self._resolved_config(), self.config_init[self.subcommand]
        self.run = RunFolder(
            Path(
                config["runs"],
                config["experiment"],
                run_id(self._decisive(config), self._content()),
            )
        )
        self.metrics = MetricsCsv(self.run.metrics)
        wandb = wandb_logger(settings.wandb, self.run, config["experiment"], config)
        return super().instantiate_trainer(
            default_root_dir=str(self.run.path),
            logger=[self.metrics, *([wandb] if wandb else [])],
            plugins=[WholeFileCheckpointIO(), *_as_list(settings.trainer.plugins)],
            callbacks=[
                *_as_list(settings.trainer.callbacks),
                *checkpoint_callbacks(self.run, validated=bool(self.datamodule.split.validation)),
                FitThreshold(),
                Timer(),
                settings.retrieval,
                WandbReport(settings.wandb),
                RichProgressBar(console_kwargs={"stderr": True}),
            ],
            **kwargs,
        )

    def before_fit(self) -> None:
        """Begin the run's folder, or go on where it was."""
        self._stop_if_finished()
        settings = self.config_init.fit
        if settings.ckpt_path == "last":
            settings.ckpt_path = self.run.last if self.run.last.is_file() else None
        elif self.run.begun and not _is_helper():
            raise InputError(
                f"{self.run.path}: begun, not finished; go on with --ckpt_path last, or remove it"
            )
        if settings.ckpt_path is not None:
            load_trained(self.model.network, settings.ckpt_path)  # refuses another network's
            self.metrics.rewind(read_torch_file(Path(settings.ckpt_path))["global_step"])
        self._begin_folder()

    def fit(self, **kwargs: Any) -> None:
        """Train. Lightning turns Ctrl-C into exit code 1; here it stays an interruption."""
        try:
            self.trainer.fit(**kwargs, weights_only=True)
        except SystemExit:
            if self.trainer.state.status == TrainerStatus.INTERRUPTED:
                raise KeyboardInterrupt from None
            raise

    def after_fit(self) -> None:
        """Test the best state on the validation part, or the last where there is none."""
        best = self.run.best if self.datamodule.split.validation else self.run.last
        self.test(model=self.model, datamodule=self.datamodule, ckpt_path=best)
        self._show_results()

    def before_test(self) -> None:
        """Begin a folder of its own for this checkpoint under these settings."""
        self._stop_if_finished()
        load_trained(self.model.network, self._tested_checkpoint())  # refuses another network's
        self._begin_folder()

    def test(self, **kwargs: Any) -> None:
        """Hash database and queries; the retrieval callback does the rest."""
        self.trainer.test(**kwargs, weights_only=True, verbose=False)

    def after_test(self) -> None:
        """Show what was found."""
        self._show_results()

    def _resolved_config(self) -> dict[str, Any]:
        """Every setting as plain values, as `config.yaml` holds them."""
        parser = self._parser(self.subcommand)
        text = parser.dump(self.config[self.subcommand], skip_none=False)
        resolved: dict[str, Any] = yaml.safe_load(text)
        resolved["ckpt_path"] = None  # where a run was resumed from is not what it is
        return resolved

    def _decisive(self, config: dict[str, Any]) -> dict[str, Any]:
        """The configuration in the flat sections that `run_id` looks at."""
        return {
            **config,
            "data": {
                **config["data"]["init_args"],
                "set": self.datamodule.set_name,
                "image_size": self.datamodule.image_size,
            },
        }

    def _content(self) -> dict[str, Any]:
        """Hashes of what the configuration only points to."""
        content: dict[str, Any] = {"split": self.datamodule.split_sha256}
        weights = self.config[self.subcommand].model.backbone_weights
        if weights is not None:
            content["backbone_weights"] = (
                weights if weights == "DEFAULT" else sha256_of_file(Path(weights))
            )
        if self.subcommand == "test":
            content["tested"] = sha256_of_file(self._tested_checkpoint())
        return content

    def _tested_checkpoint(self) -> Path:
        path = self.config_init.test.ckpt_path
        if path is None or not Path(path).is_file():
            raise InputError(f"--ckpt_path {path}: no such file; give the checkpoint to test")
        return Path(path)

    def _stop_if_finished(self) -> None:
        if self.run.finished:
            _say(f"{self.run.path}: finished already; nothing was changed")
            self._show_results()
            raise SystemExit(0)

    def _begin_folder(self) -> None:
        self._check_room()
        if _is_helper():
            return
        self.run.path.mkdir(parents=True, exist_ok=True)
        for part in self.run.path.rglob(".*.part"):  # of a process that was killed while writing
            part.unlink()
        write_split(self.run.split, self.datamodule.split, self.datamodule.facts)
        with written_whole(self.run.config) as part:
            part.write_text(yaml.safe_dump(self._resolved_config(), sort_keys=False))
        _say(f"Run folder: {self.run.path}")

    def _check_room(self) -> None:
        """Ask for the room that sealed pictures and checkpoints will take, before any work."""
        split = self.datamodule.split
        pictures = sum(p.stat().st_size for p in self.datamodule.paths(split.database))
        weights = sum(4 * p.numel() for p in self.model.network.parameters())
        needed = pictures + weights * CHECKPOINT_COPIES
        parent = next(p for p in [self.run.path, *self.run.path.resolve().parents] if p.exists())
        free = shutil.disk_usage(parent).free
        if free < needed:
            raise InputError(
                f"{parent}: {free / 1e6:.0f} MB free, about {needed / 1e6:.0f} MB needed; make "
                "room or choose another folder by --runs"
            )

    @rank_zero_only
    def _show_results(self) -> None:
        Console().print(precision_table(read_results(self.run.results)))
        _say(f"Picture: {self.run.picture}")


def main(args: list[str]) -> None:
    """Run `fit` or `test`.

    Args:
        args: Of the command line, from the subcommand on.

    Raises:
        InputError: The arguments or the input are wrong.
    """
    _quiet_lightning()
    RunCLI(args)


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _is_helper() -> bool:
    """Whether this is not the process that writes: another rank of a distributed run."""
    return bool(rank_zero_only.rank != 0)  # type: ignore[attr-defined]


@rank_zero_only
def _say(line: str) -> None:
    console.print(line, soft_wrap=True)


def _quiet_lightning() -> None:
    """Leave what a person has to know; the rest is advice to those who write Lightning code."""
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric|torchmetrics")
    warnings.filterwarnings("ignore", category=FutureWarning, module="torch")
