"""What Weights & Biases gets at a run's end: results, curves over k, picture and checkpoint."""

from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from dlheir.callbacks.wandb import RunLogger, WandbOptions
from dlheir.console import console
from dlheir.results import read_results
from dlheir.runs import RunFolder
from dlheir.task import HashingTask

# What results.json has by k: each is a curve of this name, and metrics such as `precision_at_20`,
# not `P@20`: W&B sorts and filters by names of letters, digits and underscores alone.
CURVES = {
    "precision": "served",
    "expected_precision": "expected",
    "precision_ceiling": "ceiling",
}


class WandbReport(Callback):
    """Sends what the run's folder holds at the end.

    Args:
        options: See there.
        public: Whether anyone may see the pictures.
    """

    def __init__(self, options: WandbOptions, public: bool) -> None:
        self._sends_picture = public or options.pictures
        self._sends_checkpoint = options.checkpoint
        self._aliases = options.aliases

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Report the run that has just come to its end."""
        assert isinstance(pl_module, HashingTask)
        assert pl_module.tested is not None
        self.send(trainer, pl_module.tested)

    def send(self, trainer: Trainer, tested: Path) -> None:
        """Log a finished run, and end the W&B run.

        Args:
            trainer: What has, or would have, made it; its `default_root_dir` is the run's folder.
            tested: The checkpoint that the results are of; `test` may have tested another run's.
        """
        for logger in trainer.loggers:
            if isinstance(logger, RunLogger) and trainer.is_global_zero:
                import wandb

                try:
                    self._log(logger.experiment, trainer, tested)
                    wandb.finish()
                except (wandb.errors.CommError, TimeoutError) as error:  # the run itself is done
                    line = f"W&B has not got all of this run ({error}); "
                    console.print(line + "`wandb sync --include-online` sends it", soft_wrap=True)

    def _log(self, experiment: Any, trainer: Trainer, tested: Path) -> None:
        import wandb

        run = RunFolder(Path(trainer.default_root_dir))
        results = read_results(run.results)
        columns = {key: results[key] for key in ("protocol", "code_sha256")}
        experiment.config.update(columns, allow_val_change=True)
        _log_curves(experiment, results)
        if self._sends_picture:
            experiment.log({"retrieval": wandb.Image(str(run.picture))})
        experiment.summary.update(_metrics(results))
        if self._sends_checkpoint:
            _log_checkpoint(experiment, tested, results, self._aliases)


def _log_curves(experiment: Any, results: dict[str, Any]) -> None:
    """Draw precision over k, beside the curves over steps."""
    names = {key: f"precision_at_k/{name}" for key, name in CURVES.items()}
    experiment.define_metric("k", hidden=True, summary="none")
    for name in names.values():
        experiment.define_metric(name, step_metric="k", summary="none")
    for k in results["precision"]:
        experiment.log({"k": int(k), **{name: results[key][k] for key, name in names.items()}})


def _metrics(results: dict[str, Any]) -> dict[str, Any]:
    """The figures that runs are compared by, each a metric of its own."""
    precision = {f"{key}_at_{k}": value for key in CURVES for k, value in results[key].items()}
    return {
        **precision,
        "expected_map": results["expected_map"],
        **{f"map_at_{k}": value for k, value in results["map"].items()},
        **{f"hamming_radius_2_{key}": v for key, v in results["hamming_radius_2"].items()},
        **results["complexity"],
        "timing": results["timing"],
    }


def _log_checkpoint(
    experiment: Any, path: Path, results: dict[str, Any], aliases: tuple[str, ...]
) -> None:
    import wandb

    described = ("model", "bits", "image_size", "threshold", "tested_checkpoint")
    metadata = {key: results[key] for key in described}
    artifact = wandb.Artifact(results["run_id"], type="model", metadata=metadata)
    # The file stays as it is, so W&B needs no copies of it.
    artifact.add_file(str(path), policy="immutable", skip_cache=True)
    experiment.log_artifact(artifact, aliases=["latest", path.stem, *aliases])
