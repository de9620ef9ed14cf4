"""Backbone weights: all that the trunk needs, or one line."""

import re
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from torchvision.models import DenseNet, mobilenet_v2

from dlheir.errors import InputError
from dlheir.models import get_model
from dlheir.models.densenet import densenet_nano

SHARED = Path(__file__).resolve().parents[2] / "../shared/weights"
IMAGENET = {
    "mobilenet_v2": SHARED / "mobilenet_v2_imagenet_features.pth",
    "squeezenet1_1": SHARED / "squeezenet1_1_imagenet.pth",
}


@pytest.fixture
def state():
    """A torchvision DenseNet's state dict, classifier and all."""
    shape = densenet_nano
    return DenseNet(shape.growth_rate, shape.blocks, shape.stem_channels).state_dict()


@pytest.fixture
def saved(tmp_path):
    def save(content):
        torch.save(content, tmp_path / "backbone.pth")
        return tmp_path / "backbone.pth"

    return save


def message_of(name="dlheir_nano", **arguments):
    with pytest.raises(InputError) as caught:
        get_model(name, **arguments)
    message = str(caught.value)
    assert "\n" not in message
    return message


def old_name(key):
    """`denselayer1.norm1.weight` as torchvision's files have it: `denselayer1.norm.1.weight`."""
    return re.sub(r"(denselayer\d+\.(?:norm|conv))(\d)", r"\1.\2", key)


@pytest.mark.parametrize("tail", ["none", "inverted_residual"])
@pytest.mark.parametrize("renamed", [False, True])
def test_every_layer_of_the_backbone_is_filled(state, saved, tail, renamed):
    # Files of that age have no counters of batches either.
    old = {old_name(k): v for k, v in state.items() if "num_batches" not in k}
    path = saved(old if renamed else state)
    network = get_model("dlheir_nano", tail=tail, backbone_weights=path)
    for key, value in network.features.state_dict().items():
        assert torch.equal(value, state[f"features.{key}"]), key


def test_missing_layer_is_named(state, saved):
    del state["features.denseblock1.denselayer1.conv1.weight"]
    message = message_of(backbone_weights=saved(state))
    assert "values missing (1): denseblock1.denselayer1.conv1.weight" in message


def test_many_missing_layers_are_counted(saved):
    message = message_of(backbone_weights=saved({"features.conv0.weight": torch.zeros(1)}))
    assert re.search(
        r"values missing \(\d+\): norm0.weight, norm0.bias, \S+ and \d+ more$", message
    )


def test_wrong_shape_is_named(state, saved):
    state["features.conv0.weight"] = torch.zeros(5, 3, 7, 7)
    message = message_of(backbone_weights=saved(state))
    assert "values of another shape (1): conv0.weight (5, 3, 7, 7) instead of (" in message


def test_missing_file(tmp_path):
    assert str(tmp_path / "no.pth") in message_of(backbone_weights=tmp_path / "no.pth")


def test_folder_for_a_file(tmp_path):
    assert str(tmp_path) in message_of(backbone_weights=tmp_path)


@pytest.mark.parametrize("content", [b"", b"no weights at all", b"PK\x03\x04 a broken zip"])
def test_file_of_something_else(tmp_path, content):
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    assert str(path) in message_of(backbone_weights=path)


def test_file_that_would_run_code(saved):
    assert "plain values" in message_of(backbone_weights=saved(Path.cwd))


@pytest.mark.parametrize("content", [[1, 2], {"state_dict": {}}, {1: torch.zeros(1)}])
def test_file_of_no_state_dict(saved, content):
    assert "backbone.pth" in message_of(backbone_weights=saved(content))


def test_model_without_imagenet_weights():
    assert "has no ImageNet weights" in message_of("dlheir_nano", backbone_weights="DEFAULT")


@pytest.mark.parametrize(
    "failure", [URLError("no route to host"), RuntimeError("invalid hash value")]
)
def test_failed_download_says_how_to_get_the_weights(monkeypatch, failure):
    def fail(*_, **__):
        raise failure

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fail)
    message = message_of("mobilenet_v2", backbone_weights="DEFAULT")
    assert "https://download.pytorch.org/models/mobilenet_v2" in message
    assert "backbone_weights" in message


def test_downloaded_weights_are_verified_and_fill_the_backbone(monkeypatch):
    state = mobilenet_v2().state_dict()
    asked = {}

    def download(url, **options):
        asked.update(options)
        return dict(state)

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", download)
    network = get_model("mobilenet_v2", backbone_weights="DEFAULT")
    assert asked["check_hash"]
    for key, value in network.features.state_dict().items():
        assert torch.equal(value, state[f"features.{key}"]), key


@pytest.mark.parametrize("tail", ["none", "inverted_residual"])
@pytest.mark.parametrize("name", IMAGENET)
def test_imagenet_weights(name, tail):
    path = IMAGENET[name]
    if not path.exists():
        pytest.skip(f"no ImageNet weights at {path}")
    network = get_model(name, tail=tail, backbone_weights=path)
    state = torch.load(path, weights_only=True)
    for key, value in network.features.state_dict().items():
        if not key.endswith("num_batches_tracked"):  # which the file of MobileNetV2 lacks
            assert torch.equal(value, state[f"features.{key}"]), key
