"""What W&B wrote for an offline run, read back without W&B's own reader."""

import csv
import json
import struct
from pathlib import Path

STEP = "trainer/global_step"
# Framing of LevelDB's log, which W&B's files are: blocks of 32 KiB with records in pieces.
FILE_HEADER, BLOCK = 7, 32 * 1024
PIECE = struct.Struct("<IHB")  # checksum, length, kind: 1 whole, 2 first, 3 middle, 4 last


def records(path):
    """What was logged to an offline run, parsed by W&B's own message types."""
    from wandb.proto import wandb_internal_pb2 as messages

    data, at, record = path.read_bytes(), FILE_HEADER, b""
    assert data[:4] == b":W&B"
    while at + PIECE.size <= len(data):
        if BLOCK - at % BLOCK < PIECE.size:
            at += BLOCK - at % BLOCK
            continue
        _, length, kind = PIECE.unpack_from(data, at)
        at += PIECE.size
        record = data[at : at + length] if kind in {1, 2} else record + data[at : at + length]
        at += length
        if kind in {1, 4}:
            parsed = messages.Record()
            parsed.ParseFromString(record)
            yield parsed


class Logged:
    """An offline run's content.

    Attributes:
        run: What it says of itself.
        config: By name.
        summary: By name.
        rows: What was logged, in its order.
        over: The metric that each other one is drawn over.
        artifacts: What goes with it.
    """

    def __init__(self, path):
        self.folder = path.parent
        self.config, self.summary, self.rows, self.over, self.artifacts = {}, {}, [], {}, []
        for record in records(path):
            if record.HasField("run"):
                self.run = record.run
                self.config |= self._values(record.run.config.update)
            if record.HasField("metric"):
                self.over[record.metric.name] = record.metric.step_metric
            if record.HasField("artifact"):
                self.artifacts.append(record.artifact)
            if record.HasField("history"):
                self.rows.append(self._values(record.history.item))
            self.config |= self._values(record.config.update)
            self.summary |= self._values(record.summary.update)

    @staticmethod
    def _values(items):
        return {i.key or "/".join(i.nested_key): json.loads(i.value_json) for i in items}

    def curve(self, name, over=STEP):
        """The points of a curve, in the order in which they were logged."""
        return [(row[over], row[name]) for row in self.rows if name in row]

    @property
    def pictures(self):
        return list((self.folder / "files" / "media").rglob("*.png"))


def offline_runs(folder):
    """All that a folder has, oldest first."""
    return [Logged(path) for path in sorted(folder.glob("wandb/offline-run-*/*.wandb"))]


def written_curve(folder: Path, metric: str) -> list[tuple[int, float]]:
    """The points of a curve in a run's metrics.csv, which W&B has no part in."""
    with (folder / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [(int(r["step"]), float(r["value"])) for r in rows if r["metric"] == metric]
