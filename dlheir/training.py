"""`dlheir fit` and `dlheir test`: Lightning's command line, one folder a run."""

import logging
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from pytorch_lightning import Trainer
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI
from pytorch_lightning.trainer.states import TrainerStatus
from pytorch_lightning.utilities import rank_zero_only
from rich.console import Console

from dlheir import data
from dlheir.arguments import DESCRIPTION, Parser
from dlheir.callbacks.checkpointing import WholeFileCheckpointIO, checkpoint_callbacks
from dlheir.callbacks.clock import TrainingClock
from dlheir.callbacks.metrics_csv import LogBeforeCheckpoint, MetricsCsv
from dlheir.callbacks.progress import training_progress
from dlheir.callbacks.retrieval import RetrievalCallback
from dlheir.callbacks.threshold import FitThreshold
from dlheir.callbacks.wandb import WandbOptions, WandbReport, wandb_logger
from dlheir.console import console
from dlheir.data.split import write_split
from dlheir.errors import InputError
from dlheir.files import sha256_of_file, written_whole
from dlheir.models.trained import load_trained
from dlheir.preflight import check_room, check_trainer, steps_of
from dlheir.results import precision_table, read_results
from dlheir.runs import RunFolder, run_id
from dlheir.store.attacks import leakage_table
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
# What numpy takes as a seed.
SEEDS = 2**32


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
            parser_class=Parser,
            parser_kwargs={command: _parser_texts(command) for command in self.subcommands()},
            auto_configure_optimizers=False,
            load_from_checkpoint_support=False,  # keeps hyperparameters plain
            args=args,
        )

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """The two that a run has, with the arguments of Trainer's methods that are set here."""
        skipped = {"model", "datamodule", "weights_only", "ckpt_path"}
        return {
            "fit": skipped | {"train_dataloaders", "val_dataloaders"},
            "test": skipped | {"dataloaders", "verbose"},
        }

    def add_default_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the seed; Lightning's own would take a random one, which no run id can name."""
        parser.add_argument(
            "--seed_everything",
            type=int,
            default=0,
            help="Draws split, first weights, orders and augmentation.",
        )

    def add_core_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add what a run is made of, the trainer's many arguments last."""
        parser.add_argument(
            "--ckpt_path",
            type=str | None,
            help="fit: `last` goes on where the same run was stopped, a file goes on from its "
            "state; test: the checkpoint to test.",
        )
        parser.add_argument("--runs", type=str, default="runs", help="Folder of all runs.")
        parser.add_argument(
            "--experiment", type=str, default="default", help="Folder of runs that belong together."
        )
        parser.add_lightning_class_args(HashingTask, "model")
        parser.add_lightning_class_args(data.PictureFolder, "data", subclass_mode=True)
        parser.add_class_arguments(RetrievalCallback, "retrieval")
        parser.add_class_arguments(WandbOptions, "wandb")
        parser.add_lightning_class_args(Trainer, "trainer")
        parser.set_defaults({f"trainer.{k}": v for k, v in TRAINER_DEFAULTS.items()})

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Link what two of them share."""
        parser.link_arguments("seed_everything", "data.init_args.seed")
        for name in ("num_classes", "image_size", "resize"):
            parser.link_arguments(f"data.{name}", f"model.{name}", apply_on="instantiate")

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse, and refuse seeds that numpy would refuse later."""
        super().parse_arguments(parser, args)
        seed = self.config[self.config.subcommand].seed_everything
        if not 0 <= seed < SEEDS:
            raise InputError(f"--seed_everything is {seed}; give a number from 0 to {SEEDS - 1}")

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
        given = dict(
            default_root_dir=str(self.run.path),
            logger=[self.metrics, *([wandb] if wandb else [])],
            plugins=[WholeFileCheckpointIO(), *_as_list(settings.trainer.plugins)],
            callbacks=[
                *_as_list(settings.trainer.callbacks),
                *checkpoint_callbacks(self.run, validated=bool(self.datamodule.split.validation)),
                FitThreshold(),
                LogBeforeCheckpoint(self.metrics),
                TrainingClock(),
                settings.retrieval,
                WandbReport(settings.wandb),
                training_progress(),
            ],
            **kwargs,
        )
        try:
            return super().instantiate_trainer(**given)
        except Exception as error:  # Lightning raises many kinds, all of its arguments
            raise InputError(f"trainer: {error}") from error

    def before_fit(self) -> None:
        """Begin the run's folder, or go on where it was."""
        self._stop_if_finished()
        check_trainer(self.trainer, self.datamodule, trains=True)
        settings, done = self.config_init.fit, 0
        if settings.ckpt_path == "last":
            settings.ckpt_path = str(self.run.last) if self.run.last.is_file() else None
        elif self.run.begun and not _is_helper():
            raise InputError(
                f"{self.run.path}: begun, not finished; go on with --ckpt_path last, or remove it"
            )
        if settings.ckpt_path is not None:
            load_trained(self.model.network, settings.ckpt_path)  # refuses another network's
            done = steps_of(Path(settings.ckpt_path))
        check_room(self.run, self.datamodule, self.model.network)
        self.metrics.rewind(done)
        self._begin_folder()

    def fit(self, **kwargs: Any) -> None:
        """Train."""
        with self._interruptible():
            self.trainer.fit(**kwargs, ckpt_path=self.config_init.fit.ckpt_path, weights_only=True)

    def after_fit(self) -> None:
        """Test the best state on the validation part, or the last where there is none."""
        tested = self.run.best if self.datamodule.split.validation else self.run.last
        if not tested.is_file():
            raise InputError(
                f"{tested}: was never written, as no epoch was trained or validated; see "
                "--ckpt_path, --trainer.max_steps and --trainer.check_val_every_n_epoch"
            )
        self.test(model=self.model, datamodule=self.datamodule, ckpt_path=tested)
        self._show_results()

    def before_test(self) -> None:
        """Begin a folder of its own for this checkpoint under these settings."""
        self._stop_if_finished()
        check_trainer(self.trainer, self.datamodule, trains=False)
        load_trained(self.model.network, self._tested_checkpoint())  # refuses another network's
        check_room(self.run, self.datamodule, self.model.network)
        self._begin_folder()

    def test(self, ckpt_path: Path | None = None, **kwargs: Any) -> None:
        """Hash database and queries; the retrieval callback does the rest."""
        path = ckpt_path or self._tested_checkpoint()
        with self._interruptible():
            self.trainer.test(**kwargs, ckpt_path=path, weights_only=True, verbose=False)

    def after_test(self) -> None:
        """Show what was found."""
        self._show_results()

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Lightning turns Ctrl-C into exit code 1; here it stays an interruption."""
        try:
            yield
        except SystemExit:
            if self.trainer.state.status == TrainerStatus.INTERRUPTED:
                raise KeyboardInterrupt from None
            raise

    def _resolved_config(self) -> dict[str, Any]:
        """Every setting as plain values, as `config.yaml` holds them."""
        parser = self._parser(self.subcommand)
        text = parser.dump(self.config[self.subcommand], skip_unset=False)
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
        if path is None:
            raise InputError("--ckpt_path is missing; give the checkpoint to test")
        if not Path(path).is_file():
            raise InputError(f"--ckpt_path {path}: no such file; give the checkpoint to test")
        return Path(path)

    def _stop_if_finished(self) -> None:
        if self.run.finished:
            _say(f"{self.run.path}: finished already; nothing was changed")
            self._show_results()
            raise SystemExit(0)

    def _begin_folder(self) -> None:
        if _is_helper():
            return
        try:
            self.run.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"{self.run.path}: cannot be made ({error.strerror}); choose another folder by "
                "--runs"
            ) from error
        for part in self.run.path.rglob(".*.part"):  # of a process that was killed while writing
            part.unlink()
        write_split(self.run.split, self.datamodule.split, self.datamodule.facts)
        with written_whole(self.run.config) as part:
            part.write_text(yaml.safe_dump(self._resolved_config(), sort_keys=False))
        _say(f"Run folder: {self.run.path}")

    @rank_zero_only
    def _show_results(self) -> None:
        results = read_results(self.run.results)
        Console().print(precision_table(results))
        if "leakage" in results:
            Console().print(leakage_table(results["leakage"]))
        _say(f"Picture: {self.run.picture}")


def main(args: list[str]) -> None:
    """Run `fit` or `test`.

    Args:
        args: Of the command line, from the subcommand on.

    Raises:
        InputError: The arguments or the input are wrong.
    """
    _quiet_lightning()
    # A batch system's or a sweep's request to stop is like Ctrl-C; Lightning alone would let a
    # test go on, and end a training with exit code 0.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    RunCLI(args)


def _parser_texts(command: str) -> dict[str, str]:
    return {
        "usage": f"dlheir {command} [--config FILE] [--SECTION.NAME VALUE ...]",
        "description": DESCRIPTION % {"command": command},
    }


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
