"""`dlheir fit` and `dlheir test`: Lightning's command line, one folder a run."""

import logging
import os
import signal
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml
from pytorch_lightning import Trainer
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI
from pytorch_lightning.trainer.states import TrainerStatus
from pytorch_lightning.utilities import rank_zero_only
from rich.console import Console

from dlheir import data
from dlheir.arguments import Parser
from dlheir.callbacks.checkpointing import WholeFileCheckpointIO, checkpoint_callbacks
from dlheir.callbacks.clock import TrainingClock
from dlheir.callbacks.closed_form import SolveClosedForm
from dlheir.callbacks.code import CodeVersion
from dlheir.callbacks.decoded import KeepDecoded
from dlheir.callbacks.feature_cache import FillFeatureCache
from dlheir.callbacks.metrics_csv import LogBeforeCheckpoint, MetricsCsv
from dlheir.callbacks.progress import training_progress
from dlheir.callbacks.threshold import FitThreshold
from dlheir.callbacks.wandb import under_agent, wandb_logger, wandb_told_of_failures
from dlheir.callbacks.wandb_report import WandbReport
from dlheir.checkpoints import locate
from dlheir.console import console
from dlheir.data.split import write_split
from dlheir.errors import InputError
from dlheir.files import written_whole
from dlheir.locks import locked, refuse_held
from dlheir.memory import keep_freed_memory
from dlheir.models.trained import load_trained
from dlheir.naming import run_of
from dlheir.objectives import ClosedForm, Objective
from dlheir.preflight import check_feature_cache, check_room, check_trainer, steps_of
from dlheir.processes import die_with_parent
from dlheir.results import precision_table, read_results
from dlheir.runs import RunFolder
from dlheir.settings import check_seed, resolve, settings_parser
from dlheir.store.attacks import leakage_table
from dlheir.task import HashingTask

# Tells helper processes who started them.
MAIN_PROCESS = "DLHEIR_MAIN_PROCESS"


class RunCLI(LightningCLI):
    """Names the run's folder, keeps it whole, and tests each run after its training."""

    datamodule: data.PictureFolder
    model: HashingTask
    run: RunFolder
    metrics: MetricsCsv
    wandb_report: WandbReport

    def __init__(self, args: list[str], until_the_end: ExitStack) -> None:
        self._until_the_end = until_the_end
        super().__init__(
            HashingTask,
            data.PictureFolder,
            save_config_callback=None,  # written once the run's folder is known
            auto_configure_optimizers=False,
            load_from_checkpoint_support=False,  # keeps hyperparameters plain
            args=args,
        )

    def setup_parser(self, *_: Any) -> None:
        """Take the project's own parser for each of the two commands."""
        self._subcommand_parsers = {name: settings_parser(name) for name in ("fit", "test")}
        # Of Trainer's methods, all arguments are set here.
        self._subcommand_method_arguments = {name: [] for name in self._subcommand_parsers}
        self.parser = Parser()
        commands = self.parser.add_subcommands()
        for name, parser in self._subcommand_parsers.items():
            commands.add_subcommand(name, parser)

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse, and refuse seeds that numpy would refuse later."""
        super().parse_arguments(parser, args)
        settings = self.config[self.config.subcommand]
        check_seed(settings.seed_everything)
        if self.config.subcommand == "test":
            # The checkpoint fills the backbone too, and a test shall need no other weights.
            settings.model.backbone_weights = None

    def _parse_ckpt_path(self) -> None:
        """Take no settings from a checkpoint, as Lightning would: the configuration decides."""

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Name the run after its content; give the trainer its folder, callbacks and loggers."""
        config, settings = self._resolved_config(), self.config_init[self.subcommand]
        tested = self._tested_checkpoint() if self.subcommand == "test" else None
        self.run = run_of(config, self.datamodule, tested)
        self.metrics = MetricsCsv(self.run.metrics)
        wandb = wandb_logger(
            settings.wandb, self.run, config, self.datamodule, self.metrics, str(self.subcommand)
        )
        self.wandb_report = WandbReport(settings.wandb, self.datamodule.public)
        clock = TrainingClock()
        given = dict(
            default_root_dir=str(self.run.path),
            logger=[self.metrics, *([wandb] if wandb else [])],
            plugins=[WholeFileCheckpointIO(), *_as_list(settings.trainer.plugins)],
            callbacks=[
                *_as_list(settings.trainer.callbacks),
                *checkpoint_callbacks(self.run, validated=bool(self.datamodule.split.validation)),
                FitThreshold(),
                LogBeforeCheckpoint(self.metrics),
                clock,
                FillFeatureCache(),
                KeepDecoded(),
                SolveClosedForm(self.run, clock),
                CodeVersion(),
                settings.retrieval,
                self.wandb_report,
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
        self._stop_if_busy()
        check_trainer(self.trainer, self.datamodule, trains=True)
        check_feature_cache(self.model, self.datamodule)
        settings, done = self.config_init.fit, 0
        if settings.ckpt_path == "last":
            settings.ckpt_path = str(self.run.last) if self.run.last.is_file() else None
        elif self.run.begun and not _is_helper():
            raise InputError(
                f"{self.run.path}: begun, not finished; go on with --ckpt_path last, or remove it"
            )
        if settings.ckpt_path is not None:
            begun = locate(settings.ckpt_path)
            load_trained(self.model.network, begun)  # refuses another network's
            done = steps_of(begun)
        check_room(self.run, self.datamodule, self.model.network)
        self._begin_folder()
        self.metrics.rewind(done)

    def fit(self, **kwargs: Any) -> None:
        """Train, or solve."""
        if isinstance(self.model.objective, ClosedForm):
            self.trainer.fit_loop.max_epochs = 0  # a callback solves it before the first
        with self._interruptible():
            self.trainer.fit(**kwargs, ckpt_path=self.config_init.fit.ckpt_path, weights_only=True)

    def after_fit(self) -> None:
        """Test the best state on the validation part, or the last where none was chosen."""
        chosen = self.datamodule.split.validation and isinstance(self.model.objective, Objective)
        tested = self.run.best if chosen else self.run.last
        if not tested.is_file():
            raise InputError(
                f"{tested}: was never written, as no epoch was trained or validated; see "
                "--ckpt_path, --trainer.max_steps and --trainer.check_val_every_n_epoch"
            )
        self.model.load(tested)
        self.test(model=self.model, datamodule=self.datamodule)
        self._show_results()

    def before_test(self) -> None:
        """Begin a folder of its own for this checkpoint under these settings."""
        self._stop_if_finished()
        self._stop_if_busy()
        check_trainer(self.trainer, self.datamodule, trains=False)
        self.model.load(self._tested_checkpoint())  # refuses another network's
        check_room(self.run, self.datamodule, self.model.network)
        self._begin_folder()

    def test(self, **kwargs: Any) -> None:
        """Hash database and queries; the retrieval callback does the rest."""
        with self._interruptible():
            self.trainer.test(**kwargs, verbose=False)

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
        return resolve(self._parser(self.subcommand), self.config[self.subcommand])

    def _tested_checkpoint(self) -> Path:
        if self.subcommand == "fit":
            name: str = read_results(self.run.results)["tested_checkpoint"]["path"]
            return self.run.path / name
        given = self.config_init.test.ckpt_path
        if given is None:
            raise InputError("--ckpt_path is missing; give the checkpoint to test")
        return locate(given)

    def _stop_if_finished(self) -> None:
        if self.run.finished:
            _say(f"{self.run.path}: finished already; nothing was changed")
            if under_agent():
                self.wandb_report.send(self.trainer, self._tested_checkpoint())
            self._show_results()
            raise SystemExit(0)

    def _stop_if_busy(self) -> None:
        if not _is_helper():
            refuse_held(self.run.lock)

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
        self._until_the_end.enter_context(locked(self.run.lock))
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
    _stay_with_main_process()
    keep_freed_memory()
    with ExitStack() as until_the_end, wandb_told_of_failures():
        RunCLI(args, until_the_end)


def _stay_with_main_process() -> None:
    """Have the helper processes of a distributed run end with the one that started them."""
    if os.environ.get("LOCAL_RANK", "0") == "0":
        os.environ[MAIN_PROCESS] = str(os.getpid())
    elif MAIN_PROCESS in os.environ:  # not those that a batch system or torchrun started
        die_with_parent(int(os.environ[MAIN_PROCESS]))


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
