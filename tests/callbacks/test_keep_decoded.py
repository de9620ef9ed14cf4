"""Runs with their decoded pictures kept: the same results, each picture decoded once to train."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import the_run

from dlheir.models.transform import PictureTransform

# Half of them validate: they are read in each epoch, too.
SETTINGS = {
    "data__augmentation__flip": "true",
    "data__augmentation__min_area": 0.5,
    "data__validation_share": 0.5,
    "model__threshold": "median",
    "trainer__max_epochs": 3,
}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "dlheir" / "pictures"


@pytest.fixture
def decoded(monkeypatch):
    """The pictures that were decoded in this process."""
    seen = []
    load = PictureTransform.load

    def noted(self, picture):
        if isinstance(picture, Path):  # not what was opened from the store, to be shown
            seen.append(picture)
        return load(self, picture)

    monkeypatch.setattr(PictureTransform, "load", noted)
    return seen


def run(main, small, folder, **settings):
    done = main(*small(folder, **SETTINGS | settings))
    assert done.code == 0, done.err
    return the_run(folder)


@pytest.mark.parametrize("workers", [0, 1])
def test_results_are_the_same(main, small, tmp_path, cache, workers):
    without = run(main, small, tmp_path / "no", data__cache_pictures="false", data__workers=workers)
    assert not cache.exists()
    first = run(main, small, tmp_path / "first", data__workers=workers)
    (file,) = cache.iterdir()
    filled = file.read_bytes()
    again = run(main, small, tmp_path / "again", data__workers=workers)
    assert file.read_bytes() == filled
    for kept in (first, again):
        assert kept.name == without.name
        assert (kept / "metrics.csv").read_text() == (without / "metrics.csv").read_text()
        precisions = [
            json.loads((folder / "results.json").read_text())["precision"]
            for folder in (kept, without)
        ]
        assert precisions[0] == precisions[1]
        codes = [np.load(folder / "codes.npz") for folder in (kept, without)]
        assert all(np.array_equal(codes[0][name], codes[1][name]) for name in codes[1].files)
        weights = [
            torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
            for folder in (kept, without)
        ]
        assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[1])


def test_training_decodes_each_picture_once_and_testing_all(main, small, tmp_path, cache, decoded):
    run(main, small, tmp_path / "first")
    # hashgen and TrapGen are measured with decoding: the test reads all 30 pictures anew.
    trained = len(decoded) - 30
    assert len(set(decoded)) == 30
    assert trained == len(set(decoded[:trained])) == 23  # 80 % of each class
    decoded.clear()
    run(main, small, tmp_path / "second", model__bits=12)  # and what an earlier run kept serves
    assert len(decoded) == 30


def test_what_decides_the_levels_names_the_file(main, small, tmp_path, cache):
    run(main, small, tmp_path / "a")
    run(main, small, tmp_path / "b", seed_everything=1)  # another split of the same pictures
    assert len(list(cache.iterdir())) == 1
    run(main, small, tmp_path / "c", data__image_size=64)
    run(main, small, tmp_path / "d", data__resize="crop")
    assert len(list(cache.iterdir())) == 3
