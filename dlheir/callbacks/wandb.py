"""Weights & Biases: one W&B run a run, which a resumed run goes on with."""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lightning_fabric.loggers.logger import rank_zero_experiment
from pytorch_lightning.loggers import WandbLogger

from dlheir.callbacks.metrics_csv import MetricsCsv
from dlheir.console import console
from dlheir.data.folder import PictureFolder
from dlheir.errors import InputError
from dlheir.runs import RunFolder

# W&B's settings, unless the user has others.
ENVIRONMENT = {
    "WANDB_ERROR_REPORTING": "false",  # a privacy project reports nothing to third parties unasked
    "WANDB_SILENT": "true",
    # Seconds to wait for W&B's server, at the start and at the end.
    "WANDB_INIT_TIMEOUT": "30",
    "WANDB_FINISH_TIMEOUT": "600",
    "WANDB_FINISH_TIMEOUT_RAISES": "true",
}
# What W&B takes for a tag or an alias.
LONGEST_TAG, NOT_IN_AN_ALIAS = 64, "/:"
FAILED, KILLED = 1, 255  # W&B's exit codes
STEP = "trainer/global_step"


@dataclass(frozen=True)
class WandbOptions:
    """How a run is logged to Weights & Biases.

    Attributes:
        mode: "auto" is online where there is a login and W&B answers, and offline otherwise; an
            offline run waits in the run's folder for `wandb sync`. "disabled" logs to the run's
            folder alone. WANDB_MODE overrides "auto".
        project: The W&B project.
        tags: More tags than the network's and the data set's names.
        pictures: Send retrieval.png of pictures that are not public, too. W&B is a third party.
        checkpoint: Send the tested checkpoint as an artifact that bears the run's id.
        aliases: More of the artifact's aliases than `latest`, and `last` or `best`.
    """

    mode: Literal["auto", "online", "offline", "disabled"] = "auto"
    project: str = "dlheir"
    tags: tuple[str, ...] = ()
    pictures: bool = False
    checkpoint: bool = False
    aliases: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for tag in self.tags:
            if not 1 <= len(tag) <= LONGEST_TAG:
                raise InputError(f"wandb.tags has {tag!r}; a tag has 1 to {LONGEST_TAG} characters")
        for alias in self.aliases:
            if not alias or set(alias) & set(NOT_IN_AN_ALIAS):
                raise InputError(f"wandb.aliases has {alias!r}; give words without / and :")
        if self.aliases and not self.checkpoint:
            raise InputError("wandb.aliases are the checkpoint's; add --wandb.checkpoint true")


class RunLogger(WandbLogger):
    """Logs to a run's W&B run, which has every curve from its first step on.

    A killed process takes with it what W&B had not written yet, and W&B cannot go on with an
    offline run: its server shows what was synced last. So what metrics.csv has of earlier sessions
    is sent first, as far as the W&B run lacks it.

    Args:
        run: The run's folder, which holds W&B's files, too.
        metrics: What was logged before, up to the step that training goes on from.
        mode: "online", "offline", or "auto": online, and offline where W&B cannot be reached.
        **settings: Of `wandb.init`.
    """

    def __init__(self, run: RunFolder, metrics: MetricsCsv, mode: str, **settings: Any) -> None:
        super().__init__(save_dir=run.path, id=run.run_id, name=run.run_id, **settings)
        self._wandb_init.pop("anonymous", None)  # W&B warns of it, whatever its value
        self._wandb_init["mode"] = "offline" if mode == "offline" else "online"
        if under_agent():  # which keeps W&B's files in a folder of its own
            self._wandb_init["dir"] = None
        self._metrics = metrics
        self._may_go_offline = mode == "auto"
        self._known_until = -1

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The W&B run, begun when it is first asked for."""
        import wandb

        if self._experiment is not None:
            return super().experiment
        try:
            experiment = super().experiment
        except wandb.errors.CommError:
            if not self._may_go_offline:
                raise
            console.print("W&B cannot be reached; logging offline, for `wandb sync` later")
            wandb.teardown()  # a run that could not begin stands in the way of another
            self._wandb_init["mode"] = "offline"
            experiment = super().experiment
        if experiment.url:
            console.print(f"W&B: {experiment.url}", soft_wrap=True)
        self._catch_up(experiment)
        return experiment

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log, unless W&B has that step: a resumed run repeats those after its checkpoint."""
        if step is None or step >= self._known_until:
            super().log_metrics(metrics, step)

    def _catch_up(self, experiment: Any) -> None:
        if experiment.resumed:
            # The last step that W&B has may have come without all of its values.
            self._known_until = experiment.summary.get(STEP, -1)
        ours = Path(experiment.settings.sync_dir)
        for older in set(ours.parent.glob(f"offline-run-*-{experiment.id}")) - {ours}:
            shutil.rmtree(older)
        for step, metrics in self._metrics.read():
            self.log_metrics(metrics, step)


def wandb_logger(
    options: WandbOptions,
    run: RunFolder,
    config: dict[str, Any],
    data: PictureFolder,
    metrics: MetricsCsv,
    job_type: str,
) -> RunLogger | None:
    """Make the logger of one run.

    W&B's agents give their runs ids and a project of their own, whatever is asked for here.

    Args:
        options: See there.
        run: The run's folder; its name is the W&B run's id.
        config: The resolved configuration; its experiment is W&B's group.
        data: The pictures.
        metrics: The run's metrics.csv.
        job_type: The command: "fit" or "test".

    Returns:
        The logger, or None where W&B is disabled.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    mode = _mode(options)
    if mode == "disabled":
        return None
    columns = _columns(run, config, data)
    return RunLogger(
        run,
        metrics,
        mode,
        project=options.project,
        group=config["experiment"],
        job_type=job_type,
        tags=list(dict.fromkeys([columns["backbone"], columns["data_set"], *options.tags])),
        config={**config, **columns},
    )


def _columns(run: RunFolder, config: dict[str, Any], data: PictureFolder) -> dict[str, Any]:
    """What people sort, group and filter runs by, outside of the configuration's sections."""
    model = config["model"]
    return {
        "cell": run.run_id,
        "backbone": model["name"],
        "bits": model["bits"],
        "image_size": data.image_size,
        "objective": model["objective"],
        "seed": config["seed_everything"],
        "data_set": data.set_name,
    }


def _mode(options: WandbOptions) -> str:
    """Finds out by itself and never asks the person at the keyboard."""
    wanted = os.environ.get("WANDB_MODE") if options.mode == "auto" else options.mode
    if wanted in {"offline", "disabled"}:
        return wanted
    import wandb

    if wandb.login(prompt=False, verify=False):
        return options.mode
    if options.mode == "online":
        raise InputError("--wandb.mode online: nobody is logged in; see `wandb login`")
    return "offline"


def under_agent() -> bool:
    """Whether `wandb agent` started this process, which waits for a W&B run of its own."""
    return "WANDB_SWEEP_ID" in os.environ


@contextmanager
def wandb_told_of_failures() -> Iterator[None]:
    """Let a failed run look failed in W&B.

    W&B sees an exit code by its own `sys.exit`, which the command line never calls: it holds
    Python's since before wandb was imported.
    """
    try:
        yield
    except SystemExit:
        raise
    except BaseException as error:
        if "wandb" in sys.modules:
            interrupted = isinstance(error, KeyboardInterrupt)
            with suppress(TimeoutError):
                sys.modules["wandb"].finish(exit_code=KILLED if interrupted else FAILED)
        raise
