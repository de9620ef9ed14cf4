"""Settings under the names that people write."""

import pytest

from dlheir.report.settings import changed, described, differing, settings_of


@pytest.fixture
def config():
    return {
        "seed_everything": 3,
        "runs": "/somewhere/runs",
        "experiment": "one",
        "model": {
            "name": "dlheir",
            "bits": 12,
            "backbone_weights": "/home/anna/weights/densenet.pth",
            "options": {"replace_last": 7},
            "objective_options": None,
            "compile": True,
        },
        "data": {
            "class_path": "dlheir.data.Corel10K",
            "init_args": {"root": "/data/corel", "image_size": 224, "workers": 8},
        },
        "retrieval": {"keep_store": True},
        "trainer": {"max_epochs": 200, "devices": 4, "precision": None},
    }


def test_only_what_decides_a_result_counts_and_null_is_not_given(config):
    assert settings_of(config) == {
        "seed_everything": 3,
        "model.name": "dlheir",
        "model.bits": 12,
        "model.backbone_weights": "densenet.pth",  # the file's name: it lies elsewhere elsewhere
        "model.options.replace_last": 7,
        "data": "Corel10K",
        "data.image_size": 224,
        "trainer.max_epochs": 200,
    }


def test_folders_of_pictures_differ_by_their_names(config):
    config["data"] = {"class_path": "dlheir.data.PictureFolder", "init_args": {"root": "/a/birds"}}
    assert settings_of(config)["data"] == "PictureFolder birds"


@pytest.mark.parametrize(
    ("combination", "key", "value"),
    [
        ({"model.bits": 48}, "model.bits", 48),
        ({"data.init_args.image_size": 384}, "data.image_size", 384),
        ({"model.options": {"replace_last": 0}}, "model.options.replace_last", 0),
        ({"model.options": {"expansion": 2}}, "model.options.replace_last", None),
        ({"trainer.devices": 8}, "trainer.devices", None),
        ({"retrieval.keep_store": False}, "retrieval.keep_store", None),
    ],
)
def test_a_grids_combination_changes_settings(config, combination, key, value):
    before = settings_of(config)
    after = changed(before, combination)
    assert after.get(key) == value
    assert {k: v for k, v in after.items() if not k.startswith(("model.options", key))} == {
        k: v for k, v in before.items() if not k.startswith(("model.options", key))
    }


def test_differing_settings_are_found_and_described():
    some = [{"a": 1, "b": 2.0, "c": True}, {"a": 1, "b": 0.5}]
    assert differing(some) == ["b", "c"]
    assert described(some[0], ["b", "c"]) == "b 2, c true"
    assert described(some[1], ["b", "c"]) == "b 0.5"
    assert described({"model.bits": 12, "data.image_size": 64}, ["model.bits"]) == "12 bits"
