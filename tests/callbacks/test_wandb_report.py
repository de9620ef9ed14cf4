"""Weights & Biases: no private picture, and no run that fails for its report."""

from types import SimpleNamespace

import pytest
import wandb

from dlheir.callbacks.metrics_csv import MetricsCsv
from dlheir.callbacks.wandb import RunLogger, WandbOptions
from dlheir.callbacks.wandb_report import WandbReport
from dlheir.runs import RunFolder

RESULTS = {
    "protocol": "paper",
    "code_sha256": "00",
    "precision": {"20": 0.5, "40": 0.25},
    "expected_precision": {"20": 0.4, "40": 0.3},
    "precision_ceiling": {"20": 1.0, "40": 0.5},
    "expected_map": 0.4,
    "map": {"100": 0.6, "all": 0.5},
    "hamming_radius_2": {"precision": 0.3, "recall": 0.2, "empty": 0.1},
    "complexity": {"parameters": 7},
    "timing": {"Search": 1.0},
}


@pytest.fixture
def report(tmp_path, monkeypatch):
    """Send a report of `RESULTS`; what was logged comes back."""

    def report(public=False, finish=lambda: None, **options):
        run = RunFolder(tmp_path / "the-run")
        logged, summary = [], {}
        monkeypatch.setattr("dlheir.callbacks.wandb_report.read_results", lambda _: RESULTS)
        monkeypatch.setattr(wandb, "Image", lambda path: path)
        monkeypatch.setattr(wandb, "finish", finish)
        logger = RunLogger(run, MetricsCsv(run.metrics), "offline")
        logger._experiment = SimpleNamespace(
            log=logged.append,
            define_metric=lambda *_, **__: None,
            config=SimpleNamespace(update=lambda *_, **__: None),
            summary=SimpleNamespace(update=summary.update),
        )
        trainer = SimpleNamespace(
            is_global_zero=True, default_root_dir=str(run.path), loggers=[logger]
        )
        WandbReport(WandbOptions(**options), public).send(trainer, run.last)
        return run, logged, summary

    return report


@pytest.mark.parametrize(
    ("public", "pictures", "sent"), [(True, False, 1), (False, False, 0), (False, True, 1)]
)
def test_private_pictures_are_sent_only_when_told_to(report, public, pictures, sent):
    run, logged, _ = report(public, pictures=pictures)
    assert sum(row == {"retrieval": str(run.picture)} for row in logged) == sent


def test_precision_is_a_curve_over_k_and_metrics_to_sort_by(report):
    _, logged, summary = report()
    assert logged == [
        {
            "k": 20,
            "precision_at_k/served": 0.5,
            "precision_at_k/expected": 0.4,
            "precision_at_k/ceiling": 1.0,
        },
        {
            "k": 40,
            "precision_at_k/served": 0.25,
            "precision_at_k/expected": 0.3,
            "precision_at_k/ceiling": 0.5,
        },
    ]
    assert summary == {
        "precision_at_20": 0.5,
        "precision_at_40": 0.25,
        "expected_precision_at_20": 0.4,
        "expected_precision_at_40": 0.3,
        "precision_ceiling_at_20": 1.0,
        "precision_ceiling_at_40": 0.5,
        "expected_map": 0.4,
        "map_at_100": 0.6,
        "map_at_all": 0.5,
        "hamming_radius_2_precision": 0.3,
        "hamming_radius_2_recall": 0.2,
        "hamming_radius_2_empty": 0.1,
        "parameters": 7,
        "timing": {"Search": 1.0},
    }


def test_run_is_done_although_wandb_does_not_answer(report, capsys):
    def finish():
        raise TimeoutError("Timed out")

    report(finish=finish)
    assert "W&B has not got all of this run (Timed out)" in capsys.readouterr().err
