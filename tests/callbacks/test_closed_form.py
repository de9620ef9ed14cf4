"""Objectives that are solved: an ordinary run with an ordinary checkpoint, and no training."""

import json

import numpy as np
import pytest
import torch
import yaml
from command_line import the_run

from dlheir.data import PictureFolder
from dlheir.models import load_checkpoint

SOLVED = ["itq", "predicted_class", "random_projection"]


@pytest.fixture
def solve(main, small, tmp_path):
    """Run `fit` with a solved objective and return the run's folder."""

    def solve(objective, runs="runs", **settings):
        done = main(*small(tmp_path / runs, model__objective=objective, **settings))
        assert done.code == 0, done.err
        return the_run(tmp_path / runs)

    return solve


def network_and_features(run):
    """The run's network, the pooled features of its training set and their labels."""
    config = yaml.safe_load((run / "config.yaml").read_text())
    data = PictureFolder(
        config["data"]["init_args"]["root"], image_size=32, batch_size=8, split=run / "split.json"
    )
    network = load_checkpoint(run / "checkpoints" / "last.ckpt")
    names = data.split.training
    with torch.no_grad():
        images = torch.stack([network.transform(path) for path in data.paths(names)])
        features = network.features(images).mean(dim=(2, 3))
    return network, features, torch.tensor(data.labels(names)), images


NO_TAIL = {"model__tail": "none", "model__bits": 8}


@pytest.mark.parametrize("objective", SOLVED)
def test_a_solved_run_has_everything_that_a_trained_one_has(solve, finished_run, objective):
    run = solve(objective, **NO_TAIL)
    results = json.loads((run / "results.json").read_text())
    assert results["objective"] == objective
    assert results["timing"]["training"] > 0
    of_trained = {p.relative_to(finished_run.folder) for p in finished_run.folder.rglob("*")}
    assert {p.relative_to(run) for p in run.rglob("*")} - of_trained == set()


def test_random_projection_cuts_the_training_set_by_planes_through_its_mean(solve):
    network, features, _, images = network_and_features(solve("random_projection", **NO_TAIL))
    planes = network.hash_layer.conv.weight.detach().flatten(1).double()
    sides = (features - features.mean(dim=0)).double() @ planes.T
    clear = sides.abs() > 1e-4 * sides.abs().max()
    codes = network.codes(images)
    assert torch.equal(codes[clear].bool(), (sides > 0)[clear])
    assert clear.float().mean() > 0.9


def test_the_seed_decides_random_projections(solve):
    weights = [
        load_checkpoint(
            solve("random_projection", f"runs{n}", seed_everything=seed, **NO_TAIL)
            / "checkpoints"
            / "last.ckpt"
        ).hash_layer.conv.weight
        for n, seed in enumerate((0, 0, 1))
    ]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_predicted_class_gives_each_class_one_code(solve):
    network, features, labels, images = network_and_features(solve("predicted_class", **NO_TAIL))
    scores = network.hash_layer.conv(features[:, :, None, None]).flatten(1)
    predicted = scores.argmax(dim=1)
    assert torch.equal(network.codes(images), network.hash_layer.centres[predicted])
    assert (predicted == labels).float().mean() > 0.6  # of three classes, on what it was fitted to


def test_a_feature_cache_changes_nothing(solve, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    frozen = NO_TAIL | {"model__frozen_layers": "all", "data__augmentation": "null"}
    codes = [
        np.load(solve("itq", cached, **frozen, model__cache_features=cache) / "codes.npz")[
            "database_codes"
        ]
        for cached, cache in (("without", "false"), ("with", "true"))
    ]
    assert np.array_equal(*codes)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"model__tail": "inverted_residual"}, "model.tail"),
        ({"model__tail": "none", "model__threshold": "median"}, "model.threshold"),
        ({"model__tail": "none", "model__threshold": "0.4"}, "model.threshold"),
    ],
)
def test_what_a_solution_cannot_have_is_refused(main, small, tmp_path, settings, named):
    done = main(*small(tmp_path, model__objective="itq", model__bits=8, **settings))
    assert done.code == 2
    (complaint,) = done.complaints
    assert named in complaint
