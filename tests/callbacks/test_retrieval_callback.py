"""The retrieval callback, from pictures to results, through a real training and test."""

import csv
import json
from dataclasses import asdict

import numpy as np
import pytest
import torch
from PIL import Image
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import ModelCheckpoint

from dlheir import load_checkpoint, retrieval
from dlheir.callbacks.clock import TrainingClock
from dlheir.callbacks.code import CodeVersion
from dlheir.callbacks.metrics_csv import MetricsCsv
from dlheir.callbacks.retrieval import RetrievalCallback
from dlheir.callbacks.threshold import FitThreshold
from dlheir.code_version import code_sha256
from dlheir.data import PictureFolder
from dlheir.errors import InputError
from dlheir.files import sha256_of_file
from dlheir.objectives.cross_entropy import CrossEntropy
from dlheir.results import read_results
from dlheir.runs import RunFolder
from dlheir.store import CloudServer, StoreError
from dlheir.store.attacks import dictionary_attack
from dlheir.task import HashingTask

KS = (3, 5, 40)  # 40 is more than the database holds
BITS = 5  # few enough for many ties


@pytest.fixture(scope="module")
def data(make_pictures):
    root = make_pictures({"a": 8, "b": 9, "c": 10})
    return PictureFolder(str(root), image_size=32, batch_size=8, workers=0, validation_share=0.2)


@pytest.fixture(scope="module")
def unseen(make_pictures):
    """Two classes are trained on; two others are searched."""
    root = make_pictures({"a": 8, "b": 9, "c": 10, "d": 8})
    return PictureFolder(
        str(root), image_size=32, batch_size=8, workers=0, protocol="unseen_classes"
    )


@pytest.fixture(scope="module")
def run_with(data, tmp_path_factory):
    """Train for an epoch, test, and return the run's folder."""

    def run_with(data=data, **settings):
        run = RunFolder(tmp_path_factory.mktemp("run"))
        torch.manual_seed(0)
        task = HashingTask(
            "dlheir_nano",
            bits=BITS,
            num_classes=data.num_classes,
            image_size=32,
            threshold="median",
        )
        saving = ModelCheckpoint(run.checkpoints, "last", save_on_train_epoch_end=True)
        trainer = Trainer(
            max_epochs=1,
            accelerator="cpu",
            logger=MetricsCsv(run.metrics),
            log_every_n_steps=1,
            callbacks=[
                saving,
                FitThreshold(),
                TrainingClock(),
                CodeVersion(),
                RetrievalCallback(ks=KS, **settings),
            ],
            default_root_dir=run.path,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
        )
        trainer.fit(task, datamodule=data)
        task.load(run.last)
        trainer.test(task, datamodule=data, verbose=False)
        return run

    return run_with


@pytest.fixture(scope="module")
def run(run_with):
    return run_with(queries_shown=2, answers_shown=4)


@pytest.fixture(scope="module")
def codes(run):
    with np.load(run.codes) as file:
        return dict(file)


@pytest.fixture(scope="module")
def results(run):
    return read_results(run.results)


def evaluated(codes):
    return retrieval.evaluate(
        codes["query_codes"],
        codes["query_labels"],
        codes["database_codes"],
        codes["database_labels"],
        ks=KS,
    )


def test_results_follow_from_the_codes_alone(codes, results):
    # As-served precision depends on the order of ties: that of the rows of codes.npz.
    found = evaluated(codes)
    assert found["precision"] != found["expected_precision"]
    for name, value in found.items():
        assert results[name] == value, name


def test_another_order_of_rows_would_not_do(codes, results):
    backwards = codes | {name: codes[name][::-1] for name in ("database_codes", "database_labels")}
    assert evaluated(backwards)["precision"] != results["precision"]


def test_store_serves_the_same_answers_again(run, codes):
    with CloudServer(run.store) as server:
        ids, distances, _ = server.search({1: codes["query_codes"]}, max(KS))
        assert [i.hex() for i in server.picture_ids] == codes["database_ids"].tolist()
    rows, expected = retrieval.search(codes["query_codes"], codes["database_codes"], max(KS))
    np.testing.assert_array_equal(distances, expected)
    np.testing.assert_array_equal(
        np.vectorize(bytes.hex, otypes=[object])(ids), codes["database_ids"][rows]
    )


def test_codes_are_those_of_the_checkpoint(run, codes, data):
    network = load_checkpoint(run.last)
    images = [network.transform(path) for path in data.paths(data.split.queries)]
    margins = torch.cat([network.activations(image[None]) - network.threshold for image in images])
    np.testing.assert_allclose(codes["query_margins"], margins.detach().numpy(), atol=1e-5)
    for side in ("database", "query"):
        np.testing.assert_array_equal(codes[f"{side}_codes"], codes[f"{side}_margins"] >= 0)
    assert codes["query_ids"].tolist() == list(data.split.queries)
    assert codes["query_labels"].tolist() == data.labels(data.split.queries)
    assert sorted(codes["database_labels"]) == sorted(data.labels(data.split.database))


def test_results_describe_the_run(run, results, data):
    assert results["model"] == "dlheir_nano"
    assert (results["bits"], results["image_size"], results["threshold"]) == (BITS, 32, "median")
    described = {"name": "PictureFolder", "classes": 3, "trained_classes": 3, "pictures": 27}
    assert results["data"] == described
    assert results["protocol"] == "paper"
    split = results["split"]
    # 80 % of 8, 9 and 10 are 6, 7 and 8; a fifth of these, rounded, is 1, 1 and 2.
    assert split["counts"] == {"database": 21, "queries": 6, "training": 17, "validation": 4}
    assert split["sha256"] == data.split_sha256
    assert results["store"]["pictures"] == results["store"]["opened"] == 21
    assert results["store"]["kept"]
    sizes = [path.stat().st_size for path in data.paths(data.split.database)]
    assert results["store"]["plain_bytes"] == sum(sizes)
    tested = results["tested_checkpoint"]
    assert tested == {"path": "checkpoints/last.ckpt", "sha256": sha256_of_file(run.last)}
    assert results["complexity"]["parameters"] > 0
    assert results["code_sha256"] == code_sha256()


def test_every_step_is_timed(results):
    steps = {"training", "KeyGen", "EncImg", "hashgen", "upload", "TrapGen", "Search", "Dec"}
    assert results["timing"].keys() == steps
    assert all(results["timing"][name] > 0 for name in steps - {"KeyGen"})


def test_curves_and_picture_are_there(run):
    with run.metrics.open(newline="") as file:
        metrics = {row["metric"] for row in csv.DictReader(file)}
    assert {"train_loss", "train_accuracy", "learning_rate", "val_expected_P@20"} <= metrics
    with Image.open(run.picture) as picture:
        assert picture.size[0] > 5 * 96
    assert not list(run.path.rglob("*.part"))


def test_store_is_removed_when_it_is_not_to_be_kept(run_with, codes):
    run = run_with(keep_store=False)
    assert not run.store.exists()
    assert not json.loads(run.results.read_text())["store"]["kept"]
    with np.load(run.codes) as again:  # ids come from the seed
        np.testing.assert_array_equal(again["database_ids"], codes["database_ids"])


@pytest.mark.parametrize("mode", ["keyed", "client"])
def test_results_do_not_depend_on_how_codes_are_protected(run_with, codes, results, mode):
    run = run_with(codes=mode)
    with np.load(run.codes) as again:
        for name in ("database_ids", "database_codes", "query_codes"):
            np.testing.assert_array_equal(again[name], codes[name])
    again = read_results(run.results)
    assert again["precision"] == results["precision"]
    assert again["store"] == results["store"]
    with CloudServer(run.store) as server:
        assert server.policy.mode == mode


def test_leakage_is_reported_when_asked_for(run_with, codes, results):
    assert "leakage" not in results
    leakage = read_results(run_with(leakage=True).results)["leakage"]
    assert leakage["own_pictures"] == len(codes["query_codes"])
    attacked = dictionary_attack(
        codes["database_codes"],
        codes["database_labels"],
        codes["query_codes"],
        codes["query_labels"],
    )
    assert leakage["dictionary"]["plain"] == asdict(attacked)


def test_a_trained_classifier_is_an_attack_of_its_own(run_with, monkeypatch):
    known = run_with(leakage=True)
    assert "checkpoint" in read_results(known.results)["leakage"]
    monkeypatch.setattr(CrossEntropy, "uses_classifier", False)
    untrained = read_results(run_with(leakage=True).results)["leakage"]
    assert "checkpoint" not in untrained
    assert "dictionary" in untrained


def test_classes_that_were_never_trained_on(run_with, unseen):
    run = run_with(unseen, leakage=True)
    results = read_results(run.results)
    assert results["protocol"] == "unseen_classes"
    described = {"name": "PictureFolder", "classes": 4, "trained_classes": 2, "pictures": 35}
    assert results["data"] == described
    counts = results["split"]["counts"]
    assert counts["training"] + counts["database"] + counts["queries"] == 35
    # The classifier knows none of the classes in the database: its weights attack nothing.
    assert "checkpoint" not in results["leakage"]
    with np.load(run.codes) as file:
        for name, value in evaluated(dict(file)).items():
            assert results[name] == value, name


def test_failed_upload_leaves_no_store(run_with, monkeypatch):
    folders = []

    def fail(server, *arguments):
        folders.append(server.path)
        raise StoreError("the disk is full")

    monkeypatch.setattr(CloudServer, "put", fail)
    with pytest.raises(StoreError, match="full"):
        run_with()
    (store,) = folders
    assert sorted(path.name for path in store.parent.iterdir()) == ["checkpoints", "metrics.csv"]


@pytest.mark.parametrize(
    "settings", [{"ks": ()}, {"ks": (0, 20)}, {"queries_shown": 0}, {"answers_shown": 0}]
)
def test_settings_out_of_range(settings):
    with pytest.raises(InputError, match=r"retrieval\."):
        RetrievalCallback(**settings)
