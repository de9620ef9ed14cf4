"""ONNX files in 8-bit integers: smaller, nearly the same codes, float32 where it matters."""

import numpy as np
import onnx
import pytest
import torch
from exported_cases import SHA256, settled

from dlheir.data.gallery import write_pictures
from dlheir.errors import InputError
from dlheir.export import (
    CALIBRATION_PICTURES,
    calibration_levels,
    export_onnx,
    golden_levels,
    quantise_onnx,
)
from dlheir.hashing.onnx_hasher import OnnxHasher


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    root = tmp_path_factory.mktemp("gallery")
    write_pictures(root, pictures_per_class=4, size=64)
    return sorted(root.rglob("*.png"))


@pytest.fixture(scope="module")
def network():
    return settled()


@pytest.fixture(scope="module")
def exported(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "fp32.onnx"
    levels = golden_levels(network.transform)
    export_onnx(network, path, checkpoint_sha256=SHA256, levels=levels)
    return path


@pytest.fixture(scope="module")
def quantise(network, exported, pictures):
    def quantise(path):
        return quantise_onnx(
            exported,
            path,
            calibration=calibration_levels(pictures, network.transform),
            levels=golden_levels(network.transform),
        )

    return quantise


@pytest.fixture(scope="module")
def quantised(quantise, tmp_path_factory):
    path = tmp_path_factory.mktemp("quantised") / "int8.onnx"
    return path, quantise(path)


def test_file_is_smaller_and_most_bits_stay(quantised, exported, network):
    path, found = quantised
    assert path.stat().st_size < exported.stat().st_size / 2
    levels = golden_levels(network.transform)
    codes = OnnxHasher(path).codes(levels)
    flipped = np.count_nonzero(codes != OnnxHasher(exported).codes(levels))
    assert (found.flipped, found.bits) == (flipped, codes.size)
    assert 0 < flipped / codes.size < 0.2
    assert 0 < found.largest_difference < 0.1


def test_file_says_that_no_tolerance_holds(quantised, exported):
    about, before = OnnxHasher(quantised[0]).about, OnnxHasher(exported).about
    assert (about.precision, about.tolerance) == ("int8", None)
    assert about.checkpoint_sha256 == before.checkpoint_sha256 == SHA256
    assert (about.network, about.transform) == (before.network, before.transform)


def test_stem_and_hash_layer_stay_in_float_and_weights_are_unsigned(tmp_path):
    """Signed ones would saturate on processors without VNNI, and give other codes there."""
    network = settled("mobilenet_v2")
    levels, exported = golden_levels(network.transform), tmp_path / "fp32.onnx"
    export_onnx(network, exported, checkpoint_sha256=SHA256, levels=levels)
    quantise_onnx(exported, tmp_path / "int8.onnx", calibration=levels[:2], levels=levels)
    graph = onnx.load_model(tmp_path / "int8.onnx").graph
    values = {value.name: value for value in graph.initializer}
    scaled = {node.output[0]: node for node in graph.node if node.op_type == "DequantizeLinear"}
    weights = [node.input[1] for node in graph.node if node.op_type == "Conv"]
    in_float = [name not in scaled for name in weights]
    assert in_float == [True] * 3 + [False] * (len(weights) - 4) + [True]
    assert weights[-1].startswith("network.hash_layer.")
    for name in weights[3:-1]:
        integers, scales = (values[given] for given in scaled[name].input[:2])
        assert integers.data_type == onnx.TensorProto.UINT8
        assert list(scales.dims) == [integers.dims[0]]  # one for each channel


def test_codes_do_not_depend_on_the_batch(quantised, network):
    levels, hasher = golden_levels(network.transform), OnnxHasher(quantised[0])
    alone = np.concatenate([hasher.codes(one) for one in torch.split(levels, 1)])
    assert np.array_equal(alone, hasher.codes(levels))


def test_same_pictures_give_the_same_bytes(quantised, quantise, tmp_path):
    quantise(tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == quantised[0].read_bytes()


def test_nothing_is_said_in_between(quantise, tmp_path, capfd, caplog):
    quantise(tmp_path / "int8.onnx")
    assert capfd.readouterr() == ("", "")
    assert not caplog.messages


def test_calibration_pictures_come_from_everywhere(pictures, network):
    drawn = calibration_levels(pictures, network.transform)
    assert drawn.shape == (CALIBRATION_PICTURES, 3, 64, 64)
    assert torch.equal(drawn[0], network.transform.load(pictures[0]))
    assert torch.equal(drawn[-1], network.transform.load(pictures[-1]))
    few = calibration_levels([picture.read_bytes() for picture in pictures[:3]], network.transform)
    assert torch.equal(few, torch.stack([network.transform.load(p) for p in pictures[:3]]))
    with pytest.raises(InputError, match="pictures to calibrate on"):
        calibration_levels([], network.transform)


def test_other_files_are_refused(tmp_path, network):
    other = tmp_path / "other.onnx"
    other.write_text("no network")
    levels = golden_levels(network.transform)
    with pytest.raises(InputError, match=r"other\.onnx: no ONNX file"):
        quantise_onnx(other, tmp_path / "int8.onnx", calibration=levels, levels=levels)
    assert list(tmp_path.iterdir()) == [other]
