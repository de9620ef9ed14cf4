"""A run that was stopped and resumed is the run that was not stopped."""

import json
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import read_codes, snapshot, the_run

from dlheir.callbacks.checkpointing import WholeFileCheckpointIO, checkpoint_callbacks
from dlheir.runs import RunFolder

# Of results.json: what belongs to the session, not to the result.
OF_THE_SESSION = ("timing", "git_commit", "versions", "device")
GO_ON = ("--ckpt_path", "last")
# With augmentation (the quickstart's) and with a validation part that chooses best.ckpt; enough
# epochs to be stopped among them.
LONG = {"data__validation_share": 0.3, "trainer__max_epochs": 30, "trainer__log_every_n_steps": 1}


@pytest.fixture(scope="module")
def whole(dlheir, small, tmp_path_factory):
    """The folder of a run that nobody stopped."""
    runs = tmp_path_factory.mktemp("whole")
    finished = dlheir(*small(runs, **LONG))
    assert finished.code == 0, finished.err
    return the_run(runs)


def assert_same_run(folder, whole):
    """Compare the folders of two runs bit by bit, but for times."""
    assert folder.name == whole.name
    assert files_of(folder) == files_of(whole)
    assert (folder / "metrics.csv").read_text() == (whole / "metrics.csv").read_text()
    assert (folder / "split.json").read_text() == (whole / "split.json").read_text()
    for checkpoint in whole.glob("checkpoints/*.ckpt"):
        assert_same(read(folder / "checkpoints" / checkpoint.name), read(checkpoint))
    ours, theirs = read_codes(folder), read_codes(whole)
    assert ours.keys() == theirs.keys()
    for name, values in theirs.items():
        assert np.array_equal(ours[name], values), name
    assert results_of(folder) == results_of(whole)


def files_of(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def read(checkpoint):
    content = torch.load(checkpoint, weights_only=True)
    kept = ("state_dict", "optimizer_states", "lr_schedulers", "epoch", "global_step")
    return {key: content[key] for key in kept}


def results_of(folder):
    results = json.loads((folder / "results.json").read_text())
    del results["tested_checkpoint"]["sha256"]  # of a file that holds times, too
    return {key: value for key, value in results.items() if key not in OF_THE_SESSION}


def assert_same(ours, theirs, where=""):
    """Compare nested values; tensors must have the same bits."""
    assert type(ours) is type(theirs), where
    if isinstance(theirs, torch.Tensor):
        assert torch.equal(ours, theirs), where
    elif isinstance(theirs, dict):
        assert ours.keys() == theirs.keys(), where
        for key in theirs:
            assert_same(ours[key], theirs[key], f"{where}/{key}")
    elif isinstance(theirs, list | tuple):
        assert len(ours) == len(theirs), where
        for number, pair in enumerate(zip(ours, theirs, strict=True)):
            assert_same(*pair, f"{where}/{number}")
    else:
        assert ours == theirs, where


def exists(runs, name):
    return lambda: any(runs.glob(f"*/*/{name}"))


def test_killed_and_interrupted_run_ends_as_if_it_had_not_been(
    start, main, dlheir, small, whole, tmp_path
):
    runs = tmp_path / "runs"
    command = small(runs, **LONG)
    running = start(*command)
    running.wait_until(exists(runs, "checkpoints/last.ckpt"))
    time.sleep(np.random.default_rng().uniform(0, 0.5))
    killed = running.stop(signal.SIGKILL)
    assert killed.code == -signal.SIGKILL
    folder = the_run(runs)
    assert not (folder / "results.json").exists()

    # What a kill in the middle of a write leaves.
    (folder / "checkpoints" / ".last.ckpt.1.part").write_text("half")
    with (folder / "metrics.csv").open("a") as file:
        file.write("99999,29,tra")

    before = snapshot(runs)
    refused = main(*command)
    assert refused.code == 2
    assert f"{folder}: begun, not finished; go on with --ckpt_path last" in refused.err
    assert snapshot(runs) == before

    running = start(*command, *GO_ON)
    resumed_with = (folder / "checkpoints" / "last.ckpt").stat().st_mtime_ns
    checkpoint = folder / "checkpoints" / "last.ckpt"
    running.wait_until(lambda: checkpoint.stat().st_mtime_ns != resumed_with)
    interrupted = running.stop(signal.SIGINT)
    assert interrupted.code == 130, interrupted.err
    assert interrupted.complaints == [
        "dlheir: interrupted; the same command with --ckpt_path last goes on"
    ]
    assert "Traceback" not in interrupted.err

    resumed = dlheir(*command, *GO_ON)
    assert resumed.code == 0, resumed.err
    assert_same_run(folder, whole)


@pytest.mark.parametrize(
    "number",
    [signal.SIGKILL, signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.soak)],
)
def test_stopped_in_the_test_half(start, main, small, whole, tmp_path, number):
    runs = tmp_path / "runs"
    shutil.copytree(whole.parent.parent, runs)
    folder = the_run(runs)
    for name in ("results.json", "codes.npz", "retrieval.png", "store.sqlite"):
        (folder / name).unlink()
    command = small(runs, **LONG)
    running = start(*command, *GO_ON)
    running.wait_until(exists(runs, "store.sqlite"))
    stopped = running.stop(number)
    assert stopped.code == (-number if number == signal.SIGKILL else 130), stopped.err
    assert len(stopped.complaints) == (number != signal.SIGKILL)
    assert not (folder / "results.json").exists()
    if number == signal.SIGKILL:
        resumed = main(*command, *GO_ON)
        assert resumed.code == 0, resumed.err
        assert_same_run(folder, whole)


def test_killed_before_the_first_checkpoint(main, small, finished_run, tmp_path):
    runs = tmp_path / "runs"
    folder = runs / finished_run.folder.relative_to(finished_run.folder.parent.parent)
    folder.mkdir(parents=True)
    shutil.copy(finished_run.folder / "config.yaml", folder)
    (folder / "metrics.csv").write_text("step,epoch,metric,value\n0,0,learning_rate,0.5\n")
    resumed = main(*small(runs), *GO_ON)
    assert resumed.code == 0, resumed.err
    assert_same_run(folder, finished_run.folder)


def test_metrics_of_an_epoch_are_written_before_its_checkpoint(main, small, tmp_path, monkeypatch):
    """Otherwise a run killed between the two would never have them."""
    save, seen = WholeFileCheckpointIO.save_checkpoint, {}

    def spy(self, checkpoint, path, storage_options=None):
        seen[checkpoint["epoch"]] = (Path(path).parents[1] / "metrics.csv").read_text()
        save(self, checkpoint, path, storage_options)

    monkeypatch.setattr(WholeFileCheckpointIO, "save_checkpoint", spy)
    finished = main(*small(tmp_path))
    assert finished.code == 0, finished.err
    for epoch in (0, 1):
        for metric in ("train_loss", "train_accuracy"):
            assert f",{epoch},{metric}," in seen[epoch]
            written = (the_run(tmp_path) / "metrics.csv").read_text()
            assert written.count(f",{epoch},{metric},") == 1


def test_finished_run_says_so_and_stays(main, finished_run):
    before = snapshot(finished_run.folder)
    for more in ((), GO_ON):
        again = main(*finished_run.command, *more)
        assert again.code == 0, again.err
        assert f"{finished_run.folder}: finished already; nothing was changed" in again.err
        assert "as served" in again.out
    assert snapshot(finished_run.folder) == before


def test_moved_run_remembers_its_best_score(small, whole, tmp_path):
    shutil.copytree(whole, tmp_path / "moved")
    best, last = checkpoint_callbacks(RunFolder(tmp_path / "moved"), validated=True)
    state = torch.load(tmp_path / "moved" / "checkpoints" / "last.ckpt", weights_only=True)
    for callback in (best, last):
        callback.load_state_dict(state["callbacks"][callback.state_key])
    moved = str((tmp_path / "moved" / "checkpoints" / "best.ckpt").resolve())
    assert best.best_model_path == moved
    assert best.best_model_score is not None
    assert list(best.best_k_models) == [moved]
