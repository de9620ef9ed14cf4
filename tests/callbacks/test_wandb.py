"""Weights & Biases: no questions, and wrong options refused before anything is done."""

import os
import sys
from types import SimpleNamespace

import pytest

from dlheir.callbacks.metrics_csv import MetricsCsv
from dlheir.callbacks.wandb import (
    ENVIRONMENT,
    WandbOptions,
    wandb_logger,
    wandb_told_of_failures,
)
from dlheir.errors import InputError
from dlheir.runs import RunFolder

CONFIG = {
    "experiment": "an experiment",
    "seed_everything": 3,
    "model": {"name": "dlheir_nano", "bits": 12, "objective": "cross_entropy"},
}
DATA = SimpleNamespace(set_name="Generated", image_size=64)


@pytest.fixture
def make_logger(tmp_path, monkeypatch):
    """Nobody is logged in anywhere, and whoever asks a person fails."""
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_SWEEP_ID", *ENVIRONMENT):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked"))
    run = RunFolder(tmp_path / "the-run")
    metrics = MetricsCsv(run.metrics)
    yield lambda **options: wandb_logger(WandbOptions(**options), run, CONFIG, DATA, metrics, "fit")
    for name in ENVIRONMENT:
        os.environ.pop(name, None)


def test_without_a_login_it_is_offline_and_has_the_runs_name(make_logger, tmp_path):
    settings = make_logger(tags=("thesis", "Generated"))._wandb_init
    assert settings["mode"] == "offline"
    assert settings["id"] == settings["name"] == "the-run"
    assert settings["group"] == "an experiment"
    assert settings["tags"] == ["dlheir_nano", "Generated", "thesis"]
    assert settings["dir"] == str(tmp_path / "the-run")


def test_an_agent_keeps_its_files_itself(make_logger, monkeypatch):
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep0")
    assert make_logger()._wandb_init["dir"] is None


def test_the_environment_keeps_a_login_offline(make_logger, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert make_logger()._wandb_init["mode"] == "offline"


def test_online_without_a_login_is_wrong_input(make_logger):
    with pytest.raises(InputError, match=r"--wandb.mode online: nobody is logged in"):
        make_logger(mode="online")


@pytest.mark.parametrize("mode", ["option", "environment"])
def test_disabled_makes_no_logger(make_logger, monkeypatch, mode):
    if mode == "environment":
        monkeypatch.setenv("WANDB_MODE", "disabled")
    assert make_logger(**({"mode": "disabled"} if mode == "option" else {})) is None


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"tags": ("",)}, "wandb.tags has ''"),
        ({"tags": ("long" * 17,)}, "a tag has 1 to 64 characters"),
        ({"checkpoint": True, "aliases": ("a/b",)}, "wandb.aliases has 'a/b'"),
        ({"checkpoint": True, "aliases": ("",)}, "wandb.aliases has ''"),
        ({"aliases": ("paper",)}, "add --wandb.checkpoint true"),
    ],
)
def test_wrong_options(options, line):
    with pytest.raises(InputError, match=line):
        WandbOptions(**options)


@pytest.mark.parametrize(
    ("error", "told"), [(ValueError(), [1]), (KeyboardInterrupt(), [255]), (SystemExit(0), [])]
)
def test_wandb_is_told_how_a_run_ended(monkeypatch, error, told):
    codes = []
    wandb = SimpleNamespace(finish=lambda *, exit_code: codes.append(exit_code))
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    with pytest.raises(type(error)), wandb_told_of_failures():
        raise error
    assert codes == told
