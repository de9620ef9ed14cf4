"""`--model.cache_features`: the same results as without, refused where they could not be."""

import json

import numpy as np
import pytest
import torch
import yaml
from command_line import the_run

from dlheir.callbacks import feature_cache

FROZEN = {
    "model__frozen_layers": "all",
    "data__validation_share": "0.3",
    "data__augmentation": "null",
}


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """The folder of the user's caches."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "dlheir" / "features"


def finished(main, arguments):
    done = main(*arguments)
    assert done.code == 0, done.err
    return done


@pytest.mark.parametrize("tail", ["none", "inverted_residual"])
def test_results_are_the_same(main, small, tmp_path, cache, tail):
    runs = {}
    for cached in ("false", "true"):
        arguments = small(
            tmp_path / cached,
            model__cache_features=cached,
            model__tail=tail,
            data__workers=1,  # which read ahead as soon as they can
            **FROZEN,
        )
        finished(main, arguments)
        runs[cached] = the_run(tmp_path / cached)
        assert cache.exists() == (cached == "true")
    without, with_cache = runs["false"], runs["true"]
    assert without.name == with_cache.name
    timing = [json.loads((run / "results.json").read_text())["timing"] for run in runs.values()]
    # Hashing from cached maps would be measured far too short.
    assert timing[0].keys() - timing[1].keys() == {"hashgen", "TrapGen"}
    codes = [np.load(run / "codes.npz") for run in (without, with_cache)]
    for name in codes[0].files:
        assert np.array_equal(codes[0][name], codes[1][name]), name
    weights = [
        torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for run in (without, with_cache)
    ]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert (without / "metrics.csv").read_text() == (with_cache / "metrics.csv").read_text()


def test_the_backbone_sees_each_picture_once(main, small, tmp_path, cache, monkeypatch):
    seen = []
    compute = feature_cache._feature_maps

    def counted(trainer, task, pictures):
        seen.extend(pictures)
        return compute(trainer, task, pictures)

    monkeypatch.setattr(feature_cache, "_feature_maps", counted)
    arguments = small(tmp_path / "runs", model__cache_features="true", **FROZEN)
    finished(main, arguments)
    assert len(seen) == len(set(seen)) == 30
    (folder,) = cache.iterdir()
    assert len(list(folder.rglob("*.npy"))) == 30
    assert not list(folder.rglob("*.part"))

    finished(main, [*arguments, "--model.bits=12"])  # another hash layer on the same backbone
    assert len(seen) == 30
    next(folder.rglob("*.npy")).unlink()
    finished(main, [*arguments, "--model.bits=24"])
    assert len(seen) == 31


def test_another_seeds_random_backbone_has_maps_of_its_own(main, small, tmp_path, cache):
    for seed in (0, 1):
        arguments = small(tmp_path / "runs", model__cache_features="true", **FROZEN)
        finished(main, [*arguments, f"--seed_everything={seed}"])
    assert len(list(cache.iterdir())) == 2


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"model__frozen_layers": "0", "data__augmentation": "null"}, "model.frozen_layers"),
        ({"model__frozen_layers": "all", "data__augmentation__flip": "true"}, "data.augmentation"),
    ],
)
def test_what_would_change_the_maps_is_refused(main, small, tmp_path, cache, settings, named):
    done = main(*small(tmp_path / "runs", model__cache_features="true", **settings))
    assert done.code == 2
    (complaint,) = done.complaints
    assert named in complaint
    assert not list(tmp_path.glob("runs/*/*/results.json"))


def test_a_test_reads_the_cache_too(main, small, tmp_path, cache):
    arguments = small(tmp_path / "runs", model__cache_features="true", **FROZEN)
    finished(main, arguments)
    run = the_run(tmp_path / "runs")
    tested = small(tmp_path / "tested", "test", model__cache_features="true", **FROZEN)
    finished(main, [*tested, f"--ckpt_path={run / 'checkpoints' / 'last.ckpt'}"])
    again = the_run(tmp_path / "tested")
    assert yaml.safe_load((again / "config.yaml").read_text())["model"]["cache_features"] is True
    assert len(list(cache.iterdir())) == 1


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_map_is_named_in_one_line(main, small, tmp_path, cache, workers):
    arguments = small(
        tmp_path / "runs", model__cache_features="true", data__workers=workers, **FROZEN
    )
    finished(main, arguments)
    for place in cache.rglob("*.npy"):
        place.write_bytes(place.read_bytes()[:-1])
    done = main(*arguments, "--model.bits=12")
    assert done.code == 2
    (complaint,) = done.complaints
    assert complaint.startswith(f"dlheir: {cache}")
    assert complaint.endswith("remove it and run again")
