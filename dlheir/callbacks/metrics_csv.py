"""metrics.csv: every logged value on a line of its own, so that a killed run loses none."""

import csv
from argparse import Namespace
from pathlib import Path
from typing import Any

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
        """Append one line a value."""
        epoch = metrics.pop("epoch", None)
        is_new = not self._path.exists()
        with self._path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if is_new:
                writer.writerow(COLUMNS)
            writer.writerows(
                [step, "" if epoch is None else int(epoch), name, value]
                for name, value in metrics.items()
            )

    @rank_zero_only
    def rewind(self, step: int) -> None:
        """Drop what was logged at or after a step that training is about to repeat."""
        if not self._path.exists():
            return
        with self._path.open(newline="", encoding="utf-8") as file:
            # A killed process may have left half a line.
            rows = [row for row in csv.reader(file) if len(row) == len(COLUMNS)]
        kept = [row for row in rows[1:] if int(row[0]) < step]
        with (
            written_whole(self._path) as part,
            part.open("w", newline="", encoding="utf-8") as file,
        ):
            csv.writer(file).writerows([COLUMNS, *kept])
