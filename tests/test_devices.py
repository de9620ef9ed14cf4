"""Two processes find what one finds."""

import csv
import json

import numpy as np
import pytest
from command_line import FILES, read_codes, the_run

from dlheir.retrieval import compare_codes

TWO = {"trainer__devices": 2, "trainer__strategy": "ddp"}


@pytest.fixture(scope="module")
def fitted_by_two(dlheir, small, tmp_path_factory):
    """A run that two processes trained, with a validation part."""
    runs = tmp_path_factory.mktemp("two")
    finished = dlheir(*small(runs, data__validation_share=0.3, **TWO))
    assert finished.code == 0, finished.err
    return finished, the_run(runs)


def results(folder):
    return json.loads((folder / "results.json").read_text())


def test_two_processes_give_the_codes_of_one(dlheir, small, finished_run, tmp_path):
    checkpoint = finished_run.folder / "checkpoints" / "last.ckpt"
    finished = dlheir(*small(tmp_path, "test", ckpt_path=checkpoint, **TWO))
    assert finished.code == 0, finished.err
    folders = finished_run.folder, the_run(tmp_path)
    one, two = map(read_codes, folders)
    # An odd number: a sampler repeats a picture, so that both processes have equally many.
    assert len(one["database_codes"]) % 2 == len(one["query_codes"]) % 2 == 1
    for side in ("database", "query"):
        for column in ("ids", "labels"):
            assert np.array_equal(one[f"{side}_{column}"], two[f"{side}_{column}"])
        compared = compare_codes(
            one[f"{side}_codes"],
            two[f"{side}_codes"],
            one[f"{side}_margins"],
            two[f"{side}_margins"],
        )
        print(f"{side}: {compared}")
        assert compared.same
    for kind in ("precision", "expected_precision", "expected_map"):
        assert results(folders[0])[kind] == pytest.approx(results(folders[1])[kind], abs=1e-9)


def test_two_processes_train_one_whole_run(fitted_by_two):
    finished, folder = fitted_by_two
    files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    assert files == ["checkpoints/best.ckpt", *FILES]
    assert finished.complaints == []
    assert results(folder)["device"].startswith("2 x ")
    assert results(folder)["tested_checkpoint"]["path"] == "checkpoints/best.ckpt"
    assert finished.out.count("│ as served") == 1
    with (folder / "metrics.csv").open() as file:
        logged = [(row["epoch"], row["metric"]) for row in csv.DictReader(file)]
    for epoch in "01":
        for metric in ("train_loss", "train_accuracy", "val_expected_P@20", "val_expected_mAP"):
            assert logged.count((epoch, metric)) == 1, (epoch, metric)


def test_two_processes_share_one_cache_and_solve_as_one(dlheir, small, tmp_path):
    """Each fills what the other has not; features of the training set are gathered from both."""
    cache = tmp_path / "cache"
    codes = []
    for devices in (2, 1):
        arguments = small(
            tmp_path / str(devices),
            model__objective="itq",
            model__tail="none",
            model__bits=8,
            model__frozen_layers="all",
            model__cache_features="true",
            data__augmentation="null",
            data__workers=1,
            trainer__devices=devices,
            trainer__strategy="ddp" if devices > 1 else "auto",
        )
        finished = dlheir(*arguments, env={"XDG_CACHE_HOME": str(cache)})
        assert finished.code == 0, finished.err
        codes.append(np.load(the_run(tmp_path / str(devices)) / "codes.npz")["database_codes"])
    assert len(list(cache.rglob("*.npy"))) == 30
    assert np.array_equal(*codes)
