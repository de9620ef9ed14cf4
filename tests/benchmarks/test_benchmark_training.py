"""`dlheir benchmark training` and `callback`: that they measure what they say; never how long."""

import json
import os
from types import SimpleNamespace

import pytest

from dlheir.benchmarks import callback, training
from dlheir.runs import RunFolder


@pytest.fixture
def little(monkeypatch):
    """The smallest training there is, and what each of its steps saw."""
    monkeypatch.setattr(training, "IMAGE_SIZE", 32)
    monkeypatch.setattr(training, "BATCH_SIZE", 4)
    monkeypatch.setattr(training, "STEPS", {"dlheir_nano": 2})
    seen = []
    step = training.HashingTask.training_step

    def noted(self, batch, number):
        seen.append((self.decoded is not None, batch.number.tolist()))
        return step(self, batch, number)

    monkeypatch.setattr(training.HashingTask, "training_step", noted)
    return seen


@pytest.mark.filterwarnings("ignore")  # Lightning's advice
def test_training_takes_the_same_steps_each_way(little, tmp_path):
    figures = training._figures(tmp_path, "dlheir_nano", "32-true", repeats=1)
    kept, files, memory = figures
    assert kept.target == 0.95
    assert files.target is None is memory.target
    # The plain loop is what Lightning is held to, and memory is what both loaders are held to.
    assert kept.other == files.other == memory.ours
    for figure in figures:
        assert figure.value == figure.other / figure.ours > 0
        assert figure.unit == "times"
    # A warm-up and a turn of three ways, an epoch of two steps each.
    assert len(little) == 2 * 3 * 2
    kept_ones = [numbers for kept, numbers in little if kept]
    assert len(kept_ones) == 2 * 2
    ways = [little[2 * i : 2 * i + 2] for i in range(6)]
    for way in ways:
        assert [numbers for _, numbers in way] == kept_ones[:2]
    (file,) = (tmp_path / "kept").iterdir()
    assert file.stat().st_size > 0


def test_the_first_step_does_not_count():
    assert training._mean([10.0, 11.0, 12.5, 13.0]) == 1.0


def test_a_runs_time_is_laid_out(tmp_path, monkeypatch):
    timing = {"training": 5.0, "hashgen": 1.0, "TrapGen": 0.5, "KeyGen": 0.1, "EncImg": 0.2}
    timing |= {"upload": 0.3, "Search": 0.4, "Dec": 0.5, "of a later version": 9.0}
    run = RunFolder(tmp_path)
    monkeypatch.setattr(callback, "read_results", lambda path: json.loads(path.read_text()))
    for path, written in ((run.codes, 100.0), (run.picture, 100.25), (run.results, 100.5)):
        path.write_text(json.dumps({"timing": timing}))
        os.utime(path, (written, written))
    found = {
        figure.name: SimpleNamespace(**vars(figure)) for figure in callback.figures_of(run, 16)
    }
    assert found["drawing the picture"].value == found["writing the results"].value == 0.25
    assert found["sealing (EncImg)"].value == 0.2
    assert found["the whole run"].value == 16
    # 16 - (5 + 1 + 0.5 + 0.1 + 0.2 + 0.3 + 0.4 + 0.5 + 0.25 + 0.25)
    (rest,) = (figure for name, figure in found.items() if name.startswith("the rest"))
    assert rest.value == pytest.approx(7.5)
    (share,) = (figure for figure in found.values() if figure.unit == "%")
    assert share.value == pytest.approx(100 * 2.0 / 16)


def test_a_real_run_has_each_step(finished_run):
    figures = callback.figures_of(RunFolder(finished_run.folder), 100)
    names = [figure.name for figure in figures]
    assert names[: len(callback.STEPS)] == list(callback.STEPS.values())
    assert all(figure.value >= 0 for figure in figures)
