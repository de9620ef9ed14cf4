"""`dlheir benchmark hashing`: that both ways hash the same pictures; never how long."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dlheir.benchmarks import hashing
from dlheir.benchmarks.plain_loop import PlainLoop, Setting
from dlheir.errors import WorkError
from dlheir.hashing import hash_pictures, open_hasher
from dlheir.models import load_checkpoint
from dlheir.store.owner import Picture

CASE = hashing.Case("dlheir_nano", 64, 18)


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    """What a whole, plain case leaves in its folder."""
    folder = tmp_path_factory.mktemp("case")
    figures = list(hashing.figures_of(CASE, folder, repeats=1))
    assert [figure.unit for figure in figures] == ["times", "pictures/s", "pictures/s"]
    ratio, ours, plain = figures
    assert ratio.value == pytest.approx(ours.value / plain.value)
    assert ratio.target == 2
    return Setting(
        *(str(folder / name) for name in ("model.safetensors", "pictures", "activations.npy"))
    )


@pytest.fixture
def paths(setting):
    return [Path(setting.pictures) / f"{number:05}.jpg" for number in range(CASE.pictures)]


@pytest.fixture
def codes(setting, paths):
    pictures = [Picture(path.name, path) for path in paths]
    return hash_pictures(open_hasher(setting.weights), pictures).codes


def test_bits_are_balanced_and_nearly_all_compared(setting, codes):
    """Else the codes of two different networks would be the same."""
    threshold = load_checkpoint(setting.weights).threshold.numpy()
    margins = np.abs(np.load(setting.activations) - threshold)
    assert margins.shape == (CASE.pictures, hashing.BITS)
    assert (margins > hashing.ROUNDING).mean() > 0.95
    assert 0.4 < codes.mean() < 0.6


def test_a_bit_that_rounding_does_not_turn_is_told(setting, codes, tmp_path):
    activations = np.load(setting.activations)
    threshold = load_checkpoint(setting.weights).threshold.numpy()
    changed = replace(setting, activations=str(tmp_path / "activations.npy"))
    across = -1 if codes[3, 5] else 1
    for margin in (0.5, 2):
        activations[3, 5] = threshold[5] + across * margin * hashing.ROUNDING
        np.save(changed.activations, activations)
        if margin < 1:
            hashing.check_codes(codes, changed)
    with pytest.raises(WorkError, match=r"^1 bits of our codes are not those of the plain loop$"):
        hashing.check_codes(codes, changed)


def test_the_plain_loop_has_each_part(setting):
    with PlainLoop(setting) as plain:
        for part in ("decode", "resize", "network"):
            plain.run(part)


def test_a_loop_that_ends_is_told(setting, capfd):
    with PlainLoop(setting) as plain:
        for _ in range(2):  # the second time it is gone already
            with pytest.raises(WorkError, match="the plain loop failed at 'sing'"):
                plain.run("sing")
    assert "KeyError: 'sing'" in capfd.readouterr().err


def test_parts_are_of_the_same_pictures(setting, paths, codes):
    parts = hashing._parts(open_hasher(setting.weights), paths)
    done = {name: work() for name, work in parts}
    assert list(done) == ["decode", "resize", "network"]
    assert [image.size for image in done["decode"]] == [(384, 256)] * CASE.pictures
    assert {tuple(levels.shape) for levels in done["resize"]} == {(3, 64, 64)}
    assert np.array_equal(np.concatenate(done["network"]), codes)
