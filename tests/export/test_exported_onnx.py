"""ONNX files: PyTorch's codes, whatever the network and the batch, or no file."""

import copy
import json
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from exported_cases import CASES, SHA256, codes_of, names_no_place_of_this_machine, settled

from dlheir.errors import InputError, WorkError
from dlheir.export import OPSET, TOLERANCE, export_onnx, golden_levels, onnx_file
from dlheir.export.graph import Hashing, trace
from dlheir.hashing.onnx_hasher import OnnxHasher


def export(network, path):
    levels = golden_levels(network.transform)
    return export_onnx(network, path, checkpoint_sha256=SHA256, levels=levels)


@pytest.fixture(scope="module")
def network():
    return settled()


@pytest.fixture(scope="module")
def exported(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "network.onnx"
    export(network, path)
    return path


@pytest.mark.parametrize("settings", CASES.values(), ids=CASES)
def test_codes_are_those_of_pytorch_in_batches_of_any_size(settings, tmp_path):
    network = settled(**settings)
    found = export(network, tmp_path / "network.onnx")
    assert found.bits == 16 * 24
    assert found.largest_difference <= TOLERANCE
    hasher = OnnxHasher(tmp_path / "network.onnx")
    levels = golden_levels(network.transform)
    expected = codes_of(network, levels)
    assert len(np.unique(expected, axis=0)) > 1
    for size in (1, 3, 16):
        codes = np.concatenate([hasher.codes(batch) for batch in torch.split(levels, size)])
        assert np.count_nonzero(codes != expected) <= found.flipped
        assert codes.dtype == np.uint8


def test_file_says_what_it_takes_and_gives(exported, network):
    session = onnxruntime.InferenceSession(exported)
    (taken,) = session.get_inputs()
    assert (taken.name, taken.type, taken.shape) == (
        "levels",
        "tensor(uint8)",
        ["batch", 3, 64, 64],
    )
    assert [(given.name, given.type, given.shape) for given in session.get_outputs()] == [
        ("activations", "tensor(float)", ["batch", 24]),
        ("codes", "tensor(uint8)", ["batch", 24]),
    ]
    assert {part.domain: part.version for part in onnx.load_model(exported).opset_import} == {
        "": OPSET
    }
    about = json.loads(session.get_modelmeta().custom_metadata_map["dlheir"])
    assert about["network"] == network.settings
    assert about["checkpoint_sha256"] == SHA256
    assert about["precision"] == "fp32"
    assert about["tolerance"] == TOLERANCE
    assert about["transform"]["resize"] == "warp"


def test_file_does_not_say_how_and_where_it_came_about(exported):
    assert names_no_place_of_this_machine(exported.read_bytes())
    assert not any(node.metadata_props for node in onnx.load_model(exported).graph.node)


def test_same_network_gives_the_same_bytes(exported, network, tmp_path):
    export(network, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == exported.read_bytes()


def test_network_stays_as_it_is(tmp_path):
    network = settled()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.train()
    export(network, tmp_path / "network.onnx")
    assert network.training
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    network.eval()
    expected = codes_of(network, golden_levels(network.transform))
    codes = OnnxHasher(tmp_path / "network.onnx").codes(golden_levels(network.transform))
    assert np.array_equal(codes, expected)


def other_threshold(network):
    """Activations stay; a threshold that is a little higher flips the first picture's bits."""
    images = network.transform.normalize(golden_levels(network.transform))
    with torch.no_grad():
        network.threshold.copy_(network.activations(images)[0] - 1.5 * TOLERANCE)
    wrong = copy.deepcopy(network)
    wrong.threshold.add_(2 * TOLERANCE)
    return wrong


def other_activations(network):
    """No bit flips, all being 1."""
    network.threshold.zero_()
    wrong = copy.deepcopy(network)
    wrong.hash_layer.norm.bias.data.add_(0.01)
    return wrong


@pytest.mark.parametrize("change", [other_threshold, other_activations])
def test_wrong_graph_is_not_written(change, tmp_path, monkeypatch):
    """Whatever an exporter gets wrong shows in the outputs."""
    network = settled()
    wrong = change(network)
    monkeypatch.setattr(onnx_file, "trace", lambda hashing: trace(Hashing(wrong)))
    path = tmp_path / "network.onnx"
    path.write_text("what was there before")
    with pytest.raises(WorkError, match=r"network\.onnx: not written, .* not PyTorch's"):
        export(network, path)
    assert [file.name for file in tmp_path.iterdir()] == ["network.onnx"]
    assert path.read_text() == "what was there before"


def test_network_that_has_diverged_is_not_written(tmp_path):
    network = settled()
    network.hash_layer.norm.running_mean[0] = float("nan")
    with pytest.raises(WorkError, match="differ by up to nan"):
        export(network, tmp_path / "network.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_missing_package_is_named(package, network, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=rf"needs {package}: pip install 'dlheir\[onnx\]'"):
        export(network, tmp_path / "network.onnx")
