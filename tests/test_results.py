"""results.json and its schema."""

import copy
import io
import json

import jsonschema
import pytest
from rich.console import Console

from dlheir.errors import InputError
from dlheir.results import precision_table, read_results, versions, write_results

BY_K = {"20": 0.75, "40": 0.5}
RESULTS = {
    "schema": 1,
    "run_id": "dlheir-48b-224px-s0-01234567",
    "status": "finished",
    "model": "dlheir",
    "bits": 48,
    "image_size": 224,
    "threshold": 0.5,
    "objective": "cross_entropy",
    "data": {"name": "Corel5K", "classes": 50, "trained_classes": 50, "pictures": 4999},
    "protocol": "paper",
    "split": {
        "seed": 0,
        "counts": {"database": 3999, "queries": 1000, "training": 3999, "validation": 0},
        "sha256": "a" * 64,
        "near_duplicates": 3,
    },
    "seed": 0,
    "precision": BY_K,
    "expected_precision": {"20": 0.7412, "40": 0.4},
    "precision_ceiling": {"20": 1, "40": 1.0},
    "expected_map": 0.6789,
    "map": {"100": 0.7012, "1000": 0.65, "all": 0.6543},
    "hamming_radius_2": {"precision": 0.5123, "recall": 0.25, "empty": 0.1234},
    "precision_recall": {"precision": [0.0, 0.5, 0.25], "recall": [0.0, 0.5, 1]},
    "complexity": {"parameters": 1, "keras_parameters": 2, "macs": 3, "fvcore_macs": 4},
    "timing": {"training": 0.0, "Search": 0.25},
    "store": {"pictures": 1, "plain_bytes": 2, "sealed_bytes": 3, "opened": 4, "kept": True},
    "tested_checkpoint": {"path": "checkpoints/last.ckpt", "sha256": "b" * 64},
    "device": "1 x CPU",
    "versions": {"python": "3.12"},
    "git_commit": None,
    "code_sha256": "c" * 64,
}


def changed(*keys, value=None):
    """The results with one value, found by its keys, replaced; without it if there is none."""
    results = copy.deepcopy(RESULTS)
    inner = results
    for key in keys[:-1]:
        inner = inner[key]
    if value is None:
        del inner[keys[-1]]
    else:
        inner[keys[-1]] = value
    return results


def test_written_and_read_back(tmp_path):
    write_results(tmp_path / "results.json", RESULTS)
    assert read_results(tmp_path / "results.json") == RESULTS
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


@pytest.mark.parametrize(
    "results",
    [
        *(changed(key) for key in RESULTS),
        *(changed("split", key) for key in RESULTS["split"]),
        *(changed("store", key) for key in RESULTS["store"]),
        *(changed("data", key) for key in RESULTS["data"]),
        *(changed("split", "counts", key) for key in RESULTS["split"]["counts"]),
        *(changed("hamming_radius_2", key) for key in RESULTS["hamming_radius_2"]),
        *(changed("precision_recall", key) for key in RESULTS["precision_recall"]),
        changed("more", value=1),
        changed("split", "more", value=1),
        changed("data", "more", value=1),
        changed("store", "more", value=1),
        changed("tested_checkpoint", "more", value=1),
        changed("schema", value=2),
        changed("status", value="running"),
        changed("bits", value=0),
        changed("bits", value=48.5),
        changed("threshold", value="mean"),
        changed("precision", value={}),
        changed("precision", "20", value=1.01),
        changed("precision", "k", value=0.5),
        changed("expected_map", value=-0.1),
        changed("protocol", value="my own"),
        changed("map", value={"100": 0.5}),
        changed("map", "100", value=1.01),
        changed("map", "whole", value=0.5),
        changed("hamming_radius_2", "more", value=0.5),
        changed("hamming_radius_2", "empty", value=12.34),
        changed("precision_recall", "precision", value=[0.5, 1.5]),
        changed("precision_recall", "recall", value=[]),
        changed("split", "sha256", value="A" * 64),
        changed("split", "counts", value={"database": 1}),
        changed("timing", "Search", value=-1),
        changed("git_commit", value=5),
        changed("code_sha256", value="c" * 63),
    ],
)
def test_results_that_do_not_agree_with_the_schema(tmp_path, results):
    with pytest.raises(jsonschema.ValidationError):
        write_results(tmp_path / "results.json", results)
    assert not list(tmp_path.iterdir())
    (tmp_path / "results.json").write_text(json.dumps(results))
    with pytest.raises(InputError, match="not a whole results file"):
        read_results(tmp_path / "results.json")


def test_median_threshold_and_commit_are_allowed(tmp_path):
    write_results(tmp_path / "a.json", RESULTS | {"threshold": "median", "git_commit": "0abc"})


@pytest.mark.parametrize(
    "protocol",
    ["paper", "disjoint", "unseen_classes", "cifar10_54k", "cifar10_59k", "cifar10_50k"],
)
def test_every_protocol_has_results(tmp_path, protocol):
    write_results(tmp_path / "results.json", RESULTS | {"protocol": protocol})


@pytest.mark.parametrize("content", ["", "{", "[]"])
def test_damaged_results(tmp_path, content):
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(InputError, match="not a whole results file"):
        read_results(tmp_path / "results.json")


def test_missing_results(tmp_path):
    with pytest.raises(InputError, match="has not finished"):
        read_results(tmp_path / "results.json")


def test_table_in_percent():
    console = Console(width=120, file=io.StringIO())
    console.print(precision_table(RESULTS))
    lines = [line.replace("│", " ").split() for line in console.file.getvalue().splitlines()]
    assert ["as", "served", "75.00", "50.00", "65.43"] in lines
    assert ["expected", "over", "ties", "74.12", "40.00", "67.89"] in lines
    assert ["ceiling", "100.00", "100.00", "100.00"] in lines
    caption = " ".join(console.file.getvalue().split())
    assert "as served: mAP@100 70.12, mAP@1000 65.00, mAP@all 65.43" in caption
    assert "radius 2: precision 51.23, 12.34 % of the queries find nothing" in caption


def test_versions_name_what_decides_results():
    found = versions()
    assert {"python", "dlheir", "torch", "torchvision", "numpy"} <= found.keys()
    assert all(value[0].isdigit() for value in found.values())
