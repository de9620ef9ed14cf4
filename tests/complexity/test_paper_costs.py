"""The paper's Table 2 to the last digit, and its equations (1) to (6) for the replaced layers."""

import functools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from dlheir.complexity.equations import Separable, describe_replacement, networks_with_a_block
from dlheir.complexity.operations import fvcore_operations, multiply_accumulates
from dlheir.complexity.paper_units import keras_parameters, profiler_operations
from dlheir.models import get_model
from dlheir.models.registry import find_entry

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
def network_of_table_2(name, bits):
    return get_model(name, bits)


@pytest.mark.parametrize(("name", "bits", "count", "papers", "_", "__"), TABLE_2)
def test_parameters_of_table_2(name, bits, count, papers, _, __):
    counted = keras_parameters(network_of_table_2(name, bits))
    assert counted == count
    assert round(counted / 1e5, 2) == papers


@pytest.mark.parametrize(("name", "bits", "_", "__", "profiled", "papers"), TABLE_2)
def test_mflops_of_table_2(name, bits, _, __, profiled, papers):
    counted = profiler_operations(network_of_table_2(name, bits)) / 1e6
    assert round(counted, 3) == profiled
    assert papers is None or round(counted, 2) == papers


@pytest.mark.parametrize(("name", "image_size", "macs", "fvcores"), OPERATIONS)
def test_multiply_accumulates(name, image_size, macs, fvcores):
    network = network_of_table_2(name, 48)
    shape = (1, 3, image_size, image_size)
    assert multiply_accumulates(network, *shape) == macs
    assert sum(fvcore_operations(network, *shape).values()) == fvcores


@settings(max_examples=25, deadline=None)
@given(
    k=st.sampled_from([1, 3, 5]),
    c_in=st.integers(2, 9),
    c_out=st.integers(1, 9),
    w=st.integers(5, 12),
    h=st.integers(5, 12),
)
def test_equations_are_what_layers_cost(k, c_in, c_out, w, h):
    of = Separable(k, c_in, c_out, w, h, w, h)
    depthwise = nn.Conv2d(c_in, c_in, k, padding=k // 2, groups=c_in, bias=False)
    separable = nn.Sequential(depthwise, nn.Conv2d(c_in, c_out, 1, bias=False))
    standard = nn.Conv2d(c_in, c_out, k, padding=k // 2, bias=False)
    for layers, cost, parameters in ((separable, of.cd, of.pd), (standard, of.cs, of.ps)):
        assert fvcore_operations(layers, 1, c_in, h, w)["conv"] == cost
        assert sum(p.numel() for p in layers.parameters()) == parameters
    assert of.rc == pytest.approx(of.ratio)
    assert of.rp == pytest.approx(of.ratio)


def test_equation_5_needs_stride_1():
    halved = Separable(k=3, c_in=8, c_out=16, w_in=10, h_in=10, w_out=5, h_out=5)
    assert halved.rp == pytest.approx(halved.ratio)
    assert halved.rc == pytest.approx(4 / 16 + 1 / 9)


@pytest.mark.parametrize(("size", "side"), [(224, 7), (384, 12)])
def test_replacement_of_the_paper(size, side):
    """One block of 1472 channels in the place of 14 dense layers and a batch norm."""
    found = describe_replacement("dlheir", size)
    of, places = found.separable, side**2
    assert of == Separable(3, 1472, 512, side, side, side, side)
    assert found.counted == {name: getattr(of, name) for name in ("cd", "pd", "cs", "ps")}
    assert (of.pd, of.ps) == (9 * 1472 + 1472 * 512, 9 * 1472 * 512)
    assert of.rc == pytest.approx(1 / 512 + 1 / 9)
    assert found.block["macs"] == of.cd + 1472 * 1472 * places
    assert found.block["parameters"] == of.pd + 1472**2 + 2 * (2 * 1472 + 512)
    # A dense layer: norm, 1x1 to 128 channels, norm, 3x3 to 32.
    inputs = [1472 + 32 * layer for layer in range(14)]
    macs = sum(128 * c + 9 * 128 * 32 for c in inputs)
    assert found.replaced["macs"] == macs * places
    assert found.replaced["parameters"] == macs + 2 * (sum(inputs) + 14 * 128) + 2 * 1920


@pytest.mark.soak
@pytest.mark.parametrize("name", networks_with_a_block())
def test_equations_hold_for_every_block(name):
    size = max(64, find_entry(name).smallest_side)
    found = describe_replacement(name, size)
    of = found.separable
    assert found.counted == {symbol: getattr(of, symbol) for symbol in ("cd", "pd", "cs", "ps")}
    assert of.rc == pytest.approx(of.ratio)
