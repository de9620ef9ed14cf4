"""Ablations: what varies while all else stays."""

import pytest

from dlheir.report.ablations import ablations_of
from dlheir.report.groups import rows_of
from dlheir.report.reading import collect


def ablations(runs):
    found = ablations_of(rows_of(collect([runs.folder]).cells))
    return {
        ablation.axis: [[ablation.value(row) for row in series] for series in ablation.series]
        for ablation in found
    }


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("model.options.replace_last", ["0", "7", "14", "21", "28"]),
        ("model.threshold", ["0.5", "median"]),
        ("model.hash_order", ["pool_first", "sigmoid_first"]),
        ("data.resize", ["letterbox", "warp"]),
        ("model.learning_rate", ["0.001", "0.01", "0.1"]),
        ("trainer.max_epochs", ["5", "10"]),
    ],
)
def test_an_axis_is_a_series_in_order(made, key, values):
    runs = made()
    for value in reversed(values):
        number = float(value) if "." in value else int(value) if value.isdigit() else value
        for seed in (0, 1):
            runs.add(seed=seed, settings={key: number})
    assert ablations(runs) == {key: [values]}


def test_axes_around_a_base_and_networks(made):
    runs = made()
    runs.add()
    runs.add(model="mobilenet_v2")
    runs.add(settings={"model.threshold": "median"})
    runs.add(settings={"model.options.block_channels": 24})
    assert ablations(runs) == {
        "model.name": [["dlheir_nano", "mobilenet_v2"]],
        "model.threshold": [["0.5", "median"]],
        "model.options.block_channels": [["24", "default"]],
    }


def test_crossed_axes_make_a_series_for_each_other_value(made):
    runs = made()
    for bits in (12, 24):
        for rate in (0.1, 0.2):
            for size in (64, 128):
                runs.add(bits=bits, image_size=size, settings={"model.learning_rate": rate})
    (found,) = ablations_of(rows_of(collect([runs.folder]).cells))
    assert found.context == ("data.image_size", "model.bits")
    assert [(s[0].image_size, s[0].bits) for s in found.series] == [
        (128, 12), (128, 24), (64, 12), (64, 24),
    ]  # fmt: skip


def test_settings_that_differ_together_are_no_ablation(made):
    runs = made()
    runs.add(settings={"model.threshold": "median", "model.learning_rate": 0.1})
    runs.add(settings={"model.threshold": 0.5, "model.learning_rate": 0.2})
    runs.add(data="Corel5K", settings={"model.threshold": 0.25, "model.learning_rate": 0.1})
    assert ablations(runs) == {}


def test_a_dictionary_that_varies_as_a_whole_is_one_axis(made):
    runs = made()
    runs.add(settings={"data.augmentation": None})
    runs.add(settings={"data.augmentation": {"flip": True, "min_area": 0.8}})
    assert ablations(runs) == {"data.augmentation": [["default", "flip true, min_area 0.8"]]}


def test_cells_without_results_are_part_of_it(made):
    runs = made()
    runs.add(settings={"model.threshold": "median"}, finished=False)
    runs.add()
    assert ablations(runs) == {"model.threshold": [["0.5", "median"]]}
