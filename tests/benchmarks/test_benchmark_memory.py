"""`dlheir benchmark memory`: what it makes of measured peaks, and that peaks are peaks."""

import sys

import pytest

from dlheir.benchmarks import memory
from dlheir.benchmarks.training_step import Step, peak_bytes
from dlheir.complexity.memory import activation_bytes
from dlheir.errors import WorkError
from dlheir.models import get_model

WANTED = Step("dlheir_nano", 64, 64)


@pytest.fixture
def steps(monkeypatch):
    """Steps of 1000 bytes and 100 a picture, in place of real ones; 64 are a little more."""
    taken = []

    def peak(step):
        taken.append(step.batch)
        return 1000 + 100 * step.batch + (7 if step.batch == 64 else 0)

    monkeypatch.setattr(memory, "peak_bytes", peak)
    return taken


def figures(step=WANTED, card=2000, room=1e9):
    return list(memory.figures_of(step, (2, 4), card, room))


def test_a_step_that_fits_is_taken(steps):
    peak, most = figures()
    assert steps == [2, 4, 64]
    assert peak.value == pytest.approx(7407 / 1e6)
    assert peak.name == "dlheir_nano at 64, fp32: a step of 64, measured"
    assert peak.at_most
    assert (most.value, most.unit) == (10, "pictures")


def test_a_step_that_does_not_is_scaled(steps):
    peak, _ = figures(room=7399)
    assert steps == [2, 4]
    assert peak.value == pytest.approx(7400 / 1e6)
    assert peak.name.endswith("scaled from 2 and 4")
    figures(room=7400)
    assert steps == [2, 4, 2, 4, 64]


def test_a_step_that_runs_out_of_memory_is_scaled(steps, monkeypatch):
    some = memory.peak_bytes

    def peak(step):
        if step.batch == 64:
            raise WorkError("killed")
        return some(step)

    monkeypatch.setattr(memory, "peak_bytes", peak)
    assert figures()[0].value == pytest.approx(7400 / 1e6)


def test_a_card_that_holds_no_picture(steps):
    assert figures(card=1099)[1].value == 0
    assert figures(card=1100)[1].value == 1
    assert figures(card=0)[1].value == 0


def test_counted_activations_stand_beside_float32(steps):
    frugal = get_model("dlheir_nano", image_size=64, memory_efficient=True)
    counted = 64 * activation_bytes(frugal, 64) / 1e6
    step = Step("dlheir_nano", 64, 64, memory_efficient=True)
    assert figures(step)[0].against == f"counted activations: {counted:,.0f} MB"
    assert ", memory_efficient" in figures(step)[0].name
    half = Step("dlheir_nano", 64, 64, bf16=True)
    assert figures(half)[0].against == ""
    assert "bf16-mixed" in figures(half)[0].name


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_peaks_hold_what_is_counted():
    """At least the activations; on a small network not much more than twice that and 200 MB."""
    of_one = activation_bytes(get_model("dlheir_nano", image_size=128), 128)
    peak = peak_bytes(Step("dlheir_nano", 128, 48))
    assert 48 * of_one < peak < 2 * 48 * of_one + 200e6


def test_a_step_that_fails_is_told():
    with pytest.raises(WorkError, match=r"exit code 1: .*unknown model 'dlheir_nono'"):
        peak_bytes(Step("dlheir_nono", 64, 2))
