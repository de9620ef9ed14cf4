"""Which ONNX files hash, and what is said of the others."""

import json
import sys
from dataclasses import replace

import onnx
import pytest
from onnx import TensorProto, helper

from dlheir.errors import InputError
from dlheir.hashing.about import About
from dlheir.hashing.onnx_hasher import OnnxHasher
from dlheir.models import PictureTransform

ABOUT = About(
    network={"name": "dlheir_nano", "bits": 8, "image_size": 64},
    transform=PictureTransform(64, (0.1, 0.2, 0.3), (0.4, 0.5, 0.6), "letterbox"),
    checkpoint_sha256="ab" * 32,
    precision="fp32",
    tolerance=1e-4,
)


@pytest.fixture
def write(tmp_path):
    """Write an ONNX file of some program's, which has the metadata."""

    def write(**metadata):
        levels = helper.make_tensor_value_info("levels", TensorProto.UINT8, ["batch", 3, 64, 64])
        codes = helper.make_tensor_value_info("codes", TensorProto.UINT8, ["batch", 3, 64, 64])
        node = helper.make_node("Identity", ["levels"], ["codes"])
        graph = helper.make_graph([node], "graph", [levels], [codes])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
        helper.set_model_props(model, metadata)
        onnx.save_model(model, tmp_path / "network.onnx")
        return tmp_path / "network.onnx"

    return write


def test_description_is_read_as_it_was_written(write):
    hasher = OnnxHasher(write(dlheir=ABOUT.to_json()))
    assert hasher.about == ABOUT
    assert (hasher.bits, hasher.transform) == (8, ABOUT.transform)
    assert (hasher.checkpoint_sha256, hasher.precision) == ("ab" * 32, "fp32")


def test_same_description_has_the_same_bytes():
    network = dict(reversed(ABOUT.network.items()))
    assert replace(ABOUT, network=network).to_json() == ABOUT.to_json()


CHANGED = {
    "no metadata": None,
    "no JSON": "{",
    "no object": "[1]",
    "another schema": json.dumps(json.loads(ABOUT.to_json()) | {"schema": 2}),
    "no schema": json.dumps({"network": {"bits": 8}}),
    "no bits": json.dumps(json.loads(ABOUT.to_json()) | {"network": {}}),
    "zero bits": json.dumps(json.loads(ABOUT.to_json()) | {"network": {"bits": 0}}),
    "no transform": json.dumps(json.loads(ABOUT.to_json()) | {"transform": None}),
    "another resize": json.dumps(
        json.loads(ABOUT.to_json())
        | {"transform": {"image_size": 64, "mean": [0], "std": [1], "resize": "fold"}}
    ),
    "an unknown entry": json.dumps(json.loads(ABOUT.to_json()) | {"colour": "red"}),
}


@pytest.mark.parametrize("text", CHANGED.values(), ids=CHANGED)
def test_file_that_was_not_exported_here(write, text):
    path = write(**({} if text is None else {"dlheir": text}))
    with pytest.raises(
        InputError, match=r"network\.onnx: was not exported by this version"
    ) as said:
        OnnxHasher(path)
    assert "\n" not in str(said.value)


@pytest.mark.parametrize("content", [b"", b"no network", b"\x08\x0a"], ids=["empty", "text", "cut"])
def test_file_that_is_no_onnx_file(tmp_path, content, capfd):
    path = tmp_path / "network.onnx"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"network\.onnx: ") as said:
        OnnxHasher(path)
    assert "\n" not in str(said.value)
    assert capfd.readouterr() == ("", "")


def test_without_onnx_runtime(write, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r"network\.onnx: .* pip install 'dlheir\[onnx\]'"):
        OnnxHasher(write(dlheir=ABOUT.to_json()))
