"""Weights & Biases with no account, no network and nobody at the keyboard."""

import json
import signal
import subprocess
import sys

import pytest
from command_line import clean_environment, the_run
from offline_wandb import offline_runs, written_curve
from wandb_server import wandb_server

WITH_WANDB = {"wandb__mode": "auto", "trainer__log_every_n_steps": 1}
CURVES = ("learning_rate", "train_loss", "train_accuracy")
BY_K = {
    "served": "precision",
    "expected": "expected_precision",
    "ceiling": "precision_ceiling",
}


def results_of(folder):
    return json.loads((folder / "results.json").read_text())


def assert_has_all(logged, folder):
    """Compare a W&B run with the folder of its run."""
    results = results_of(folder)
    run = logged.run
    assert (run.run_id, run.display_name, run.project) == (folder.name, folder.name, "dlheir")
    assert (run.run_group, run.job_type) == (folder.parent.name, "fit")
    assert list(run.tags) == [results["model"], results["data"]["name"]]

    columns = ("bits", "image_size", "objective", "seed", "protocol", "code_sha256")
    assert {name: logged.config[name] for name in columns} == {n: results[n] for n in columns}
    assert logged.config["cell"] == folder.name
    assert logged.config["backbone"] == results["model"]
    assert logged.config["data_set"] == results["data"]["name"]
    assert logged.config["trainer"]["accelerator"] == "cpu"

    for name in CURVES:
        assert logged.curve(name) == written_curve(folder, name) != []
    for name, key in BY_K.items():
        curve = f"precision_at_k/{name}"
        assert logged.curve(curve, over="k") == [(int(k), v) for k, v in results[key].items()]
        assert logged.over[curve] == "k"
        assert curve not in logged.summary

    by_k = {f"{key}_at_{k}": v for key in BY_K.values() for k, v in results[key].items()}
    others = {"expected_map": results["expected_map"], "timing": results["timing"]}
    for name, value in {**by_k, **others, **results["complexity"]}.items():
        assert logged.summary[name] == value, name


def test_generated_pictures_are_logged_with_everything_else(dlheir, small, tmp_path):
    arguments = small(
        tmp_path / "runs",
        data="Generated",
        data__root=tmp_path / "generated",
        data__pictures_per_class=5,
        data__batch_size=32,
        **WITH_WANDB,
    )
    finished = dlheir(*arguments, cwd=tmp_path)
    assert finished.code == 0, finished.err
    assert "wandb" not in finished.err.lower()
    folder = the_run(tmp_path / "runs")
    (logged,) = offline_runs(folder)
    assert_has_all(logged, folder)
    (picture,) = logged.pictures
    assert picture.read_bytes() == (folder / "retrieval.png").read_bytes()
    assert not logged.artifacts
    # All of it is in the run's folder.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["generated", "runs"]


@pytest.mark.parametrize("allowed", [False, pytest.param(True, marks=pytest.mark.soak)])
def test_pictures_of_ones_own_need_permission(dlheir, small, tmp_path, allowed):
    more = {"wandb__mode": "offline"} | ({"wandb__pictures": "true"} if allowed else {})
    finished = dlheir(*small(tmp_path, **WITH_WANDB | more))
    assert finished.code == 0, finished.err
    assert "wandb" not in finished.err.lower()
    folder = the_run(tmp_path)
    (logged,) = offline_runs(folder)
    assert_has_all(logged, folder)
    assert len(logged.pictures) == allowed
    in_plain_sight = b"".join(p.read_bytes() for p in logged.folder.rglob("*") if p.is_file())
    shown = (folder / "retrieval.png").read_bytes()
    assert (shown in in_plain_sight) == allowed


def test_killed_run_is_one_whole_run_after_wandb_sync(start, dlheir, small, tmp_path):
    """W&B takes no more of a killed run than it had written, and cannot go on with an offline one.

    Its server has what was synced last, so that has to have every curve from its first step on.
    """
    more = {"trainer__max_epochs": 40, "wandb__checkpoint": "true", "wandb__aliases": "[paper]"}
    arguments = small(tmp_path, **WITH_WANDB, **more)
    running = start(*arguments)
    running.wait_until(lambda: any(tmp_path.glob("*/*/checkpoints/last.ckpt")))
    running.stop(signal.SIGKILL)
    folder = the_run(tmp_path)
    (killed,) = folder.glob("wandb/offline-run-*")
    resumed = dlheir(*arguments, "--ckpt_path=last")
    assert resumed.code == 0, resumed.err

    assert not killed.exists()
    (logged,) = offline_runs(folder)
    assert_has_all(logged, folder)
    assert logged.curve("train_loss")[0][0] < logged.curve("train_loss")[-1][0]
    assert len(logged.curve("train_loss")) == 40

    with wandb_server() as server:
        sync = subprocess.run(
            [sys.executable, "-m", "wandb", "sync", logged.folder],
            cwd=tmp_path,
            env=clean_environment(tmp_path) | server.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    assert sync.returncode == 0, sync.stderr
    synced = server.runs[folder.name]
    assert (synced.told["groupName"], synced.told["jobType"]) == (folder.parent.name, "fit")
    assert synced.exit_code == 0
    for name in CURVES:
        assert synced.curve(name) == written_curve(folder, name)
    precision = results_of(folder)["precision"]
    assert synced.curve("precision_at_k/served", "k") == [(int(k), p) for k, p in precision.items()]
    assert synced.summary["precision_at_20"] == precision["20"]
    assert synced.config["cell"] == folder.name
    assert not any(name.endswith(".png") for name in synced.files)  # the pictures are private

    (artifact,) = server.artifacts
    assert (artifact.name, artifact.type, artifact.committed) == (folder.name, "model", True)
    assert sorted(artifact.aliases) == ["last", "latest", "paper"]
    assert artifact.metadata["tested_checkpoint"] == results_of(folder)["tested_checkpoint"]
    assert artifact.files["last.ckpt"] == (folder / "checkpoints" / "last.ckpt").read_bytes()


def test_a_login_without_a_network_does_not_stop_a_run(dlheir, small, tmp_path):
    unreachable = {
        "WANDB_API_KEY": "0" * 40,
        "WANDB_BASE_URL": "http://127.0.0.1:9",  # nobody listens there
        "WANDB_INIT_TIMEOUT": "1",
    }
    finished = dlheir(*small(tmp_path, **WITH_WANDB), env=unreachable)
    assert finished.code == 0, finished.err
    assert "W&B cannot be reached; logging offline" in finished.err
    folder = the_run(tmp_path)
    (logged,) = offline_runs(folder)
    assert_has_all(logged, folder)
