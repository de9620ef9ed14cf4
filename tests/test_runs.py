"""A run's name and folder."""

import copy
import re
import subprocess

import pytest
from pytorch_lightning import Trainer
from pytorch_lightning.cli import LightningArgumentParser

from dlheir import runs
from dlheir.data import PictureFolder
from dlheir.runs import RunFolder, git_commit, run_id
from dlheir.task import HashingTask

# From the design: what says where or how fast a run goes.
CIRCUMSTANCES = {
    ("model", "backbone_weights"),  # its content counts instead
    ("model", "channels_last"),
    ("model", "cache_features"),
    ("model", "compile"),
    ("data", "cache_pictures"),
    ("data", "root"),
    ("data", "split"),  # its content counts instead
    ("data", "workers"),
    *(
        ("trainer", name)
        for name in [
            "accelerator",
            "strategy",
            "devices",
            "num_nodes",
            "logger",
            "default_root_dir",
            "enable_checkpointing",
            "enable_progress_bar",
            "enable_model_summary",
            "enable_autolog_hparams",
            "log_every_n_steps",
            "num_sanity_val_steps",
            "profiler",
            "barebones",
            "use_distributed_sampler",
            "model_registry",
        ]
    ),
}
CONTENT = {"split": "a" * 64, "backbone_weights": "b" * 64}


def resolved():
    """Every setting that model, data and trainer have, with its default."""
    parser = LightningArgumentParser()
    parser.add_class_arguments(HashingTask, "model")
    parser.add_class_arguments(PictureFolder, "data")
    parser.add_class_arguments(Trainer, "trainer")
    config = parser.parse_object({"data": {"root": "somewhere"}}).as_dict()
    return {**config, "seed_everything": 0}


CONFIG = resolved()
SETTINGS = [(section, key) for section in ("model", "data", "trainer") for key in CONFIG[section]]
NAMED = {("model", "name"), ("model", "bits"), ("data", "image_size")}


def test_name():
    name = run_id(CONFIG, CONTENT)
    assert re.fullmatch(r"dlheir-48b-224px-s0-[0-9a-f]{8}", name)
    assert run_id(copy.deepcopy(CONFIG), dict(CONTENT)) == name


@pytest.mark.parametrize(("section", "key"), SETTINGS)
def test_every_setting_counts_but_circumstances(section, key):
    other = copy.deepcopy(CONFIG)
    other[section][key] = "something else"
    same = run_id(other, CONTENT) == run_id(CONFIG, CONTENT)
    assert same == ((section, key) in CIRCUMSTANCES)


def test_circumstances_are_settings():
    assert set(SETTINGS) >= CIRCUMSTANCES


@pytest.mark.parametrize("key", ["runs", "experiment", "ckpt_path", "wandb", "retrieval"])
def test_what_stands_beside_the_sections_does_not_count(key):
    assert run_id({**CONFIG, key: "x"}, CONTENT) == run_id(CONFIG, CONTENT)


def test_seed_and_content_count():
    known = run_id(CONFIG, CONTENT)
    seeded = run_id({**CONFIG, "seed_everything": 7}, CONTENT)
    assert "-s7-" in seeded
    assert seeded[-8:] != known[-8:]
    for key in CONTENT:
        assert run_id(CONFIG, CONTENT | {key: "c" * 64}) != known
    assert run_id(CONFIG, {"split": CONTENT["split"]}) != known


def test_folder_has_the_files_that_outsiders_rely_on(tmp_path):
    run = RunFolder(tmp_path / "some-run")
    assert run.run_id == "some-run"
    files = [
        "config",
        "split",
        "metrics",
        "codes",
        "results",
        "picture",
        "store",
        "checkpoints",
        "last",
        "best",
    ]
    assert [getattr(run, name).relative_to(run.path).as_posix() for name in files] == [
        "config.yaml",
        "split.json",
        "metrics.csv",
        "codes.npz",
        "results.json",
        "retrieval.png",
        "store.sqlite",
        "checkpoints",
        "checkpoints/last.ckpt",
        "checkpoints/best.ckpt",
    ]


def test_state_of_a_run(tmp_path):
    run = RunFolder(tmp_path)
    states = [(run.begun, run.finished)]
    for path in (run.config, run.results):
        path.touch()
        states.append((run.begun, run.finished))
    assert states == [(False, False), (True, False), (True, True)]


def test_commit_is_a_hash_or_nothing():
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", git_commit() or "0" * 40)


def test_no_commit_without_git(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert git_commit() is None


def test_a_change_of_the_code_makes_the_commit_dirty_and_one_of_checkpoints_does_not(
    tmp_path, monkeypatch
):
    (tmp_path / "dlheir").mkdir()
    (tmp_path / "checkpoints").mkdir()
    files = [tmp_path / "dlheir" / "runs.py", tmp_path / "checkpoints" / "registry.json"]
    for file in files:
        file.write_text("1")
    git = ["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *command], check=True)
    monkeypatch.setattr(runs, "__file__", str(files[0]))
    files[1].write_text("2")
    assert re.fullmatch(r"[0-9a-f]{40}", git_commit())
    files[0].write_text("2")
    assert re.fullmatch(r"[0-9a-f]{40}-dirty", git_commit())
