"""Weights & Biases with no account, no network and nobody at the keyboard."""

import json
import signal
import struct
from collections import defaultdict

import pytest
from command_line import the_run

WITH_WANDB = {"wandb__mode": "auto"}
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
    """An offline run's content: config, summary and history by name."""

    def __init__(self, path):
        self.config, self.summary, self.history = {}, {}, defaultdict(list)
        self.folder = path.parent
        for record in records(path):
            if record.HasField("run"):
                self.run_id, self.project = record.run.run_id, record.run.project
                self.group = record.run.run_group
                self._fill(self.config, record.run.config.update)
            self._fill(self.config, record.config.update)
            self._fill(self.summary, record.summary.update)
            for item in record.history.item:
                self.history["/".join(item.nested_key) or item.key].append(
                    json.loads(item.value_json)
                )

    @staticmethod
    def _fill(values, items):
        for item in items:
            values["/".join(item.nested_key) or item.key] = json.loads(item.value_json)

    @property
    def pictures(self):
        return list((self.folder / "files" / "media").rglob("*.png"))


def offline_runs(folder):
    return [Logged(path) for path in sorted(folder.glob("wandb/offline-run-*/*.wandb"))]


def assert_has_curves_and_results(logged, folder):
    results = json.loads((folder / "results.json").read_text())
    assert (logged.run_id, logged.project) == (folder.name, "dlheir")
    assert logged.config["model"]["name"] == "dlheir_nano"
    assert logged.config["trainer"]["max_epochs"] == 2
    assert len(logged.history["train_loss"]) == len(logged.history["train_accuracy"]) == 2
    assert logged.history["learning_rate"]
    (table,) = logged.history["precision_at_k/path"]
    written = json.loads((logged.folder / "files" / table).read_text())
    assert written["columns"] == ["k", "precision", "expected_precision", "precision_ceiling"]
    assert {str(row[0]): row[1] for row in written["data"]} == results["precision"]
    assert logged.summary["complexity"] == results["complexity"]
    assert logged.summary["precision"] == results["precision"]


def test_generated_pictures_are_logged_with_everything_else(dlheir, small, tmp_path):
    arguments = small(
        tmp_path / "runs",
        data="Generated",
        data__root=tmp_path / "generated",
        data__pictures_per_class=5,
        data__batch_size=32,
        trainer__log_every_n_steps=1,
        **WITH_WANDB,
    )
    finished = dlheir(*arguments, cwd=tmp_path)
    assert finished.code == 0, finished.err
    folder = the_run(tmp_path / "runs")
    (logged,) = offline_runs(folder)
    assert_has_curves_and_results(logged, folder)
    assert logged.group == "quickstart"
    (picture,) = logged.pictures
    assert picture.read_bytes() == (folder / "retrieval.png").read_bytes()
    # All of it is in the run's folder.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["generated", "runs"]


@pytest.mark.parametrize("allowed", [False, pytest.param(True, marks=pytest.mark.soak)])
def test_pictures_of_ones_own_need_permission(dlheir, small, tmp_path, allowed):
    more = {"wandb__pictures": "true"} if allowed else {}
    arguments = small(tmp_path, trainer__log_every_n_steps=1, **WITH_WANDB, **more)
    finished = dlheir(*arguments)
    assert finished.code == 0, finished.err
    folder = the_run(tmp_path)
    (logged,) = offline_runs(folder)
    assert_has_curves_and_results(logged, folder)
    assert len(logged.pictures) == allowed
    in_plain_sight = b"".join(p.read_bytes() for p in logged.folder.rglob("*") if p.is_file())
    shown = (folder / "retrieval.png").read_bytes()
    assert (shown in in_plain_sight) == allowed


@pytest.mark.soak
def test_resumed_run_goes_on_under_the_same_id(start, dlheir, small, tmp_path):
    arguments = small(tmp_path, trainer__max_epochs=40, **WITH_WANDB)
    running = start(*arguments)
    running.wait_until(lambda: any(tmp_path.glob("*/*/checkpoints/last.ckpt")))
    running.stop(signal.SIGKILL)
    resumed = dlheir(*arguments, "--ckpt_path=last")
    assert resumed.code == 0, resumed.err
    folder = the_run(tmp_path)
    # W&B's own process may lose what it had not written when the run was killed.
    killed, second = sorted(folder.glob("wandb/offline-run-*"))
    assert killed.name.endswith(folder.name)
    logged = Logged(next(second.glob("*.wandb")))
    assert logged.run_id == folder.name
    assert len(logged.history["precision_at_k/path"]) == 1
    assert logged.history["epoch"][0] > 0
    assert 39 in logged.history["epoch"]


def test_a_login_without_a_network_does_not_stop_a_run(dlheir, small, tmp_path):
    unreachable = {
        "WANDB_API_KEY": "0" * 40,
        "WANDB_BASE_URL": "http://127.0.0.1:9",  # nobody listens there
        "WANDB_INIT_TIMEOUT": "1",
    }
    arguments = small(tmp_path, trainer__log_every_n_steps=1, **WITH_WANDB)
    finished = dlheir(*arguments, env=unreachable)
    assert finished.code == 0, finished.err
    assert "W&B cannot be reached; logging offline" in finished.err
    folder = the_run(tmp_path)
    (logged,) = offline_runs(folder)
    assert_has_curves_and_results(logged, folder)
