"""Weights & Biases with a login: one W&B run a run, however often it is stopped."""

import json
import signal

import pytest
from command_line import the_run
from offline_wandb import written_curve
from wandb_server import wandb_server

WITH_WANDB = {"wandb__mode": "auto", "trainer__log_every_n_steps": 1}
LONG = {"trainer__max_epochs": 60, **WITH_WANDB}
OFTEN = {"WANDB_X_FILE_STREAM_TRANSMIT_INTERVAL": "1"}  # instead of every 15 seconds


@pytest.fixture
def server():
    with wandb_server() as server:
        yield server


def assert_whole(run, folder):
    """Each of two resumptions may log again, with the same values, what W&B had of one step."""
    for name in ("learning_rate", "train_loss"):
        curve = run.curve(name)
        assert len(curve) - len(set(curve)) <= 2
        assert curve == sorted(curve)
        assert list(dict.fromkeys(curve)) == written_curve(folder, name)
    results = json.loads((folder / "results.json").read_text())
    assert run.summary["precision_at_20"] == results["precision"]["20"]
    assert run.exit_code == 0


@pytest.mark.soak
def test_stopped_run_goes_on_in_its_own(start, dlheir, small, server, tmp_path):
    arguments = small(tmp_path, **LONG)
    environment = server.environment | OFTEN
    running = start(*arguments, env=environment)
    running.wait_until(lambda: any(run.history for run in server.runs.values()))
    running.stop(signal.SIGKILL)
    folder = the_run(tmp_path)
    (run,) = server.runs.values()
    assert run.exit_code is None

    checkpoint = folder / "checkpoints" / "last.ckpt"
    before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else None
    running = start(*arguments, "--ckpt_path=last", env=environment)
    running.wait_until(lambda: checkpoint.exists() and checkpoint.stat().st_mtime_ns != before)
    assert running.stop(signal.SIGTERM).code == 130
    assert run.exit_code == 255  # which W&B shows as killed, not as failed

    resumed = dlheir(*arguments, "--ckpt_path=last", env=environment)
    assert resumed.code == 0, resumed.err
    assert f"W&B: {server.url}" in resumed.err
    assert list(server.runs) == [folder.name]
    assert [row["_step"] for row in run.history] == list(range(len(run.history)))
    assert_whole(run, folder)
    assert not any(name.endswith(".png") for name in run.files)


@pytest.mark.soak
def test_server_that_goes_away(start, small, tmp_path):
    """What W&B has not got stays where `wandb sync` finds it, and the run is done."""
    with wandb_server() as server:
        impatient = {"WANDB_FINISH_TIMEOUT": "1"}
        running = start(*small(tmp_path, **LONG), env=server.environment | impatient)
        running.wait_until(lambda: any(tmp_path.glob("*/*/checkpoints/last.ckpt")))
    finished = running.wait()
    assert finished.code == 0, finished.err
    assert "W&B has not got all of this run" in finished.err
    assert (the_run(tmp_path) / "results.json").exists()
