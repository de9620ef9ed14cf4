"""The paper's Table 2 to the last digit."""

import functools
import json
from dataclasses import asdict

import pytest
import torch

from dlheir.complexity import main, measure
from dlheir.errors import InputError
from dlheir.models import get_model

# name, bits, Keras' count of parameters, Table 2's "Parameters", the profiler's count / 1e6
# and Table 2's "MFLOPs".
TABLE_2 = [
    ("densenet201", 48, 18_419_284, 184.19, 164.973, 164.97),
    ("densenet201", 32, 18_386_884, 183.87, 164.682, 164.68),
    ("densenet201", 24, 18_370_684, 183.71, 164.536, 164.54),
    ("densenet201", 12, 18_346_384, 183.46, 164.318, 164.32),
    ("dlheir", 48, 17_663_636, 176.64, 158.339, None),  # printed 158.25, as for 32 bits
    ("dlheir", 32, 17_653_764, 176.54, 158.250, 158.25),
    ("dlheir", 24, 17_648_828, 176.49, 158.206, 158.21),
    ("dlheir", 12, 17_641_424, 176.41, 158.139, None),  # printed 158.13, 0.01 off
]

# name, image size, MACs, fvcore's total: 48 bits, 100 classes.
OPERATIONS = [
    ("densenet201", 224, 4_293_966_528, 4_343_382_048),
    ("densenet201", 384, 12_618_994_368, 12_764_215_488),
    ("dlheir", 224, 4_261_599_872, 4_308_685_344),
    ("dlheir", 384, 12_523_876_032, 12_662_249_664),
]


@functools.cache
def small_measure(name, bits):
    """Parameter counts need no large picture."""
    return measure(get_model(name, bits), image_size=32)


@pytest.mark.parametrize(("name", "bits", "count", "papers", "_", "__"), TABLE_2)
def test_parameters_of_table_2(name, bits, count, papers, _, __):
    complexity = small_measure(name, bits)
    assert complexity.keras_parameters == count
    assert round(complexity.paper_parameters, 2) == papers


@pytest.mark.parametrize(("name", "bits", "_", "__", "profiled", "papers"), TABLE_2)
def test_mflops_of_table_2(name, bits, _, __, profiled, papers):
    complexity = small_measure(name, bits)
    assert round(complexity.paper_mflops, 3) == profiled
    assert papers is None or round(complexity.paper_mflops, 2) == papers


@pytest.mark.parametrize(("name", "image_size", "macs", "fvcores"), OPERATIONS)
def test_multiply_accumulates(name, image_size, macs, fvcores):
    complexity = measure(get_model(name, bits=48), image_size)
    assert complexity.macs == macs
    assert complexity.fvcore_macs == fvcores


def test_profiler_formula_by_hand():
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    weights, channels, biases, kernels, norms = 3 * 4 * 9, 4, 4, 1, 1
    expected = 9 * weights + 29 * channels + 7 * biases + kernels + 10 * norms + 21
    network.append(torch.nn.Flatten()).append(torch.nn.Linear(4 * 36, 2, bias=False))
    expected += 9 * 4 * 36 * 2 + 1
    complexity = measure(network, image_size=8)
    assert complexity.paper_mflops == expected / 1e6
    assert complexity.macs == 3 * 4 * 9 * 36 + 4 * 36 * 2
    assert complexity.parameters == 3 * 4 * 9 + 4 + 2 * 4 + 4 * 36 * 2
    assert complexity.keras_parameters == complexity.parameters + 2 * 4


def test_frozen_parameters_count():
    network = get_model("dlheir_nano")
    whole = measure(network, 32)
    network.features.requires_grad_(False)
    assert measure(network, 32) == whole


def test_measuring_changes_nothing():
    network = get_model("dlheir_nano")
    network.tail.eval()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    measure(network, 64)
    assert network.training
    assert not network.tail.training
    assert all(torch.equal(value, network.state_dict()[key]) for key, value in before.items())


def test_json(capsys):
    assert main(["dlheir_nano", "--bits", "12", "24", "--image-size", "64", "96", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(r["bits"], r["image_size"]) for r in rows] == [(12, 64), (12, 96), (24, 64), (24, 96)]
    expected = asdict(measure(get_model("dlheir_nano", 24), 96))
    assert rows[-1] == {"model": "dlheir_nano", "bits": 24, "image_size": 96} | expected


def test_table(capsys):
    assert main(["dlheir_nano", "mobilenet_v2", "--bits", "12", "--image-size", "64"]) == 0
    table = capsys.readouterr().out
    complexity = measure(get_model("mobilenet_v2", 12), 64)
    for text in (f"{complexity.macs:,}", f"{complexity.paper_parameters:.2f}", "MFLOPs"):
        assert text in table


@pytest.mark.parametrize(
    "arguments",
    [["dlhier"], ["--bits", "x"], ["--bits", "0"], ["--image-size", "8"], ["--no-such-option"]],
)
def test_wrong_arguments_are_one_line(arguments, capsys):
    with pytest.raises(InputError) as caught:
        main(arguments)
    assert "\n" not in str(caught.value)
    assert capsys.readouterr().out == ""
