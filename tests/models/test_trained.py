"""Checkpoints, as training writes them."""

import pytest
import torch

from dlheir.errors import InputError
from dlheir.models import get_model, load_checkpoint

SETTINGS = {"name": "dlheir_nano", "bits": 12, "num_classes": 3, "image_size": 64}


@pytest.fixture(scope="module")
def network():
    network = get_model(**SETTINGS, resize="crop", replace_last=2)
    network.threshold.uniform_()
    return network


@pytest.fixture
def saved(tmp_path):
    """Save a network as Lightning does, with other keys around it."""

    def save(network, **changes):
        content = {
            "epoch": 3,
            "hyper_parameters": {"network": network.settings, "objective": "cross_entropy"},
            "state_dict": {
                "objective.margin": torch.zeros(1),
                **{f"network.{key}": value for key, value in network.state_dict().items()},
            },
        }
        path = tmp_path / "last.ckpt"
        torch.save(content | changes, path)
        return path

    return save


def message_of(function, *arguments, **options):
    with pytest.raises(InputError) as caught:
        function(*arguments, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_all_settings_come_from_the_file(network, saved):
    loaded = load_checkpoint(saved(network))
    assert not loaded.training
    assert loaded.settings == network.settings
    assert loaded.transform == network.transform
    assert all(torch.equal(v, loaded.state_dict()[k]) for k, v in network.state_dict().items())


def test_checkpoints_from_before_the_order_could_be_chosen(network, saved):
    older = {k: v for k, v in network.settings.items() if k != "hash_order"}
    path = saved(network, hyper_parameters={"network": older})
    assert load_checkpoint(path).settings == network.settings


def test_weights_fill_a_network_of_another_image_size(network, saved):
    filled = get_model(**SETTINGS | {"image_size": 96}, replace_last=2, weights=saved(network))
    assert filled.settings["image_size"] == 96
    assert torch.equal(filled.threshold, network.threshold)
    assert torch.equal(filled.classifier.weight, network.classifier.weight)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"bits": 24}, "bits 12, not 24"),
        ({"num_classes": 4}, "num_classes 3, not 4"),
        ({"replace_last": 3}, "replace_last 2, not 3"),
        ({"block_channels": 32}, "block_channels 96, not 32"),
        ({"hash_order": "pool_first"}, "hash_order sigmoid_first, not pool_first"),
    ],
)
def test_weights_of_another_architecture(network, saved, asked, expected):
    path = saved(network)
    settings = SETTINGS | {"replace_last": 2} | asked
    message = message_of(get_model, **settings, weights=path)
    assert expected in message
    assert str(path) in message


def test_weights_of_another_tail(network, saved):
    path = saved(network)
    assert "inverted_residual, not none" in message_of(
        get_model, **SETTINGS, tail="none", weights=path
    )


def test_weights_of_another_backbone(network, saved):
    settings = SETTINGS | {"name": "mobilenet_v2"}
    message = message_of(get_model, **settings, weights=saved(network))
    assert "'dlheir_nano', not 'mobilenet_v2'" in message


def test_two_names_of_one_architecture(saved):
    path = saved(get_model("dlheir", bits=4, num_classes=2))
    get_model("densenet201", bits=4, num_classes=2, tail="inverted_residual", weights=path)


@pytest.mark.parametrize(
    "changes",
    [
        {"hyper_parameters": {}},
        {"hyper_parameters": None},
        {"hyper_parameters": {"network": {"bits": 3}}},
        {"state_dict": None},
    ],
)
@pytest.mark.parametrize(
    "read", [load_checkpoint, lambda path: get_model(**SETTINGS, weights=path)]
)
def test_file_that_is_no_checkpoint(network, saved, read, changes):
    path = saved(network, **changes)
    assert f"{path} is no checkpoint" in message_of(read, path)


@pytest.mark.parametrize(
    "settings",
    [
        {"name": "no_such_model"},
        {"name": ["dlheir_nano"]},
        {"name": "dlheir_nano", "bits": 0},
        {"name": "dlheir_nano", "weights": "other.ckpt"},
        {"name": "dlheir_nano", 3: 4},
    ],
)
def test_settings_that_build_nothing_name_the_file(network, saved, settings):
    path = saved(network, hyper_parameters={"network": settings})
    assert str(path) in message_of(load_checkpoint, path)
    if settings["name"] == "no_such_model":
        assert "unknown model" in message_of(get_model, **SETTINGS, weights=path)


def test_state_that_lacks_a_layer(network, saved):
    state = {f"network.{key}": value for key, value in network.state_dict().items()}
    del state["network.hash_layer.conv.bias"]
    message = message_of(load_checkpoint, saved(network, state_dict=state))
    assert "values missing (1): hash_layer.conv.bias" in message


def test_state_of_something_else(network, saved):
    path = saved(network, state_dict={"network.threshold": "half"})
    assert f"{path} is no state dict" in message_of(load_checkpoint, path)


def test_missing_file(tmp_path):
    assert "no such" in message_of(load_checkpoint, tmp_path / "no.ckpt")
    assert "no such" in message_of(get_model, "dlheir_nano", weights=tmp_path / "no.ckpt")
