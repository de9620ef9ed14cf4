"""Weights & Biases: no questions, no network, no private picture."""

from types import SimpleNamespace

import pytest
import wandb
from pytorch_lightning.loggers import WandbLogger

from dlheir.callbacks.wandb import WandbOptions, WandbReport, wandb_logger
from dlheir.runs import RunFolder

PRECISION = {"20": 0.5, "40": 0.25}
RESULTS = {
    "precision": PRECISION,
    "expected_precision": PRECISION,
    "precision_ceiling": PRECISION,
    "expected_map": 0.4,
    "complexity": {"parameters": 7},
    "timing": {"Search": 1.0},
}


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """No login anywhere, and whoever asks a person fails."""
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked"))
    run = RunFolder(tmp_path / "the-run")
    run.path.mkdir()
    return run


def test_without_a_login_it_is_offline_and_has_the_runs_name(offline):
    logger = wandb_logger(WandbOptions(), offline, "an experiment", {"seed_everything": 3})
    settings = logger._wandb_init
    assert settings["mode"] == "offline"
    assert settings["id"] == settings["name"] == "the-run"
    assert settings["group"] == "an experiment"


def test_disabled_makes_no_logger(offline):
    assert wandb_logger(WandbOptions(mode="disabled"), offline, "x", {}) is None


@pytest.mark.parametrize(
    ("public", "pictures", "sent"), [(True, False, 1), (False, False, 0), (False, True, 1)]
)
def test_report_sends_private_pictures_only_when_told_to(
    offline, monkeypatch, public, pictures, sent
):
    logged, summary = [], {}
    monkeypatch.setattr("dlheir.callbacks.wandb.read_results", lambda _: RESULTS)
    monkeypatch.setattr(wandb, "Image", lambda path: path)
    monkeypatch.setattr(wandb, "finish", lambda: logged.append("finished"))
    logger = WandbLogger(save_dir=offline.path, offline=True)
    logger._experiment = SimpleNamespace(
        log=logged.append, summary=SimpleNamespace(update=summary.update)
    )
    trainer = SimpleNamespace(
        is_global_zero=True,
        default_root_dir=str(offline.path),
        loggers=[logger],
        datamodule=SimpleNamespace(public=public),
    )
    WandbReport(WandbOptions(pictures=pictures)).on_test_end(trainer, None)
    assert sum(entry == {"retrieval": str(offline.picture)} for entry in logged) == sent
    assert logged[0]["precision_at_k"].data == [[20, 0.5, 0.5, 0.5], [40, 0.25, 0.25, 0.25]]
    assert logged[-1] == "finished"
    assert summary["expected_map"] == 0.4
