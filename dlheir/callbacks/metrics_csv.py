"""metrics.csv: every logged value on a line of its own, so that a killed run loses none."""

import csv
from argparse import Namespace
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities import rank_zero_only

from dlheir.files import written_whole

COLUMNS = ["step", "epoch", "metric", "value"]


class MetricsCsv(Logger):
    """Appends to a CSV file, across resumptions; Lightning's CSVLogger starts it anew.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._written: set[tuple[int | None, str]] = set()

    @property
    def name(self) -> str:
        """Unused: a run's folder has one such file."""
        return ""

    @property
    def version(self) -> str:
        """Unused: a run's folder has one such file."""
        return ""

    def log_hyperparams(
        self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any
    ) -> None:
        """Unused: they are in config.yaml."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Append one line a value; a value that this step has already is passed over."""
        epoch = metrics.get("epoch")
        new = {n: v for n, v in metrics.items() if n != "epoch" and (step, n) not in self._written}
        # A metric comes twice in the same step or not at all, so older steps can be forgotten.
        self._written = {known for known in self._written if known[0] == step}
        self._written |= {(step, name) for name in new}
        is_new = not self._path.exists()
        with self._path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            if is_new:
                writer.writerow(COLUMNS)
            writer.writerows(
                [step, "" if epoch is None else int(epoch), name, value]
                for name, value in new.items()
            )

    def read(self) -> Iterator[tuple[int, dict[str, float]]]:
        """Yield each step with all that was logged at it, the epoch included."""
        if not self._path.exists():
            return
        with self._path.open(newline="", encoding="utf-8") as file:
            for step, rows in groupby(csv.DictReader(file), key=itemgetter("step")):
                metrics: dict[str, float] = {}
                for row in rows:
                    metrics[row["metric"]] = float(row["value"])
                    if row["epoch"]:
                        metrics["epoch"] = int(row["epoch"])
                yield int(step), metrics

    @rank_zero_only
    def rewind(self, step: int) -> None:
        """Drop what was logged at or after a step that training is about to repeat."""
        if not self._path.exists():
            return
        text = self._path.read_text(encoding="utf-8")
        whole = text[: text.rfind("\n") + 1]  # a killed process may have left half a line
        kept = [row for row in csv.reader(whole.splitlines()[1:]) if int(row[0]) < step]
        with (
            written_whole(self._path) as part,
            part.open("w", newline="", encoding="utf-8") as file,
        ):
            csv.writer(file, lineterminator="\n").writerows([COLUMNS, *kept])


class LogBeforeCheckpoint(Callback):
    """Writes an epoch's training metrics before its checkpoint; Lightning logs them after it.

    A run killed between the two would go on from the checkpoint and never log them.

    Args:
        metrics: Where to write them.
    """

    def __init__(self, metrics: MetricsCsv) -> None:
        self._metrics = metrics

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Lightning calls this before it calls the callbacks that write checkpoints."""
        training = {
            name: float(value)
            for name, value in trainer.callback_metrics.items()
            if name.startswith("train_")
        }
        self._metrics.log_metrics(
            {**training, "epoch": trainer.current_epoch}, step=trainer.global_step - 1
        )
