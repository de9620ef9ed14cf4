"""timm's models as trunks, against timm's own `forward_features`; random weights only."""

import sys

import pytest
import timm
import torch
from torch import nn

from dlheir.errors import InputError
from dlheir.models import get_model, load_checkpoint
from dlheir.models.registry import find_entry
from dlheir.models.timm_models import TimmWeights, timm_entry

SETTINGS = {"bits": 8, "num_classes": 3}


def published(name, **options):
    """Timm's own model with its head, in the state of new weights."""
    torch.manual_seed(1)
    return timm.create_model(name, **options).eval()


@pytest.fixture
def saved(tmp_path):
    def save(state):
        torch.save(state, tmp_path / "backbone.pth")
        return tmp_path / "backbone.pth"

    return save


def message_of(name, **arguments):
    with pytest.raises(InputError) as caught:
        get_model(name, **SETTINGS | arguments)
    message = str(caught.value)
    assert "\n" not in message
    return message


# What forward_features makes, as (B, C, h, w); written for each layout apart.
def as_it_is(outputs):
    return outputs


def channels_first(outputs):
    return torch.einsum("bhwc->bchw", outputs)


def without_tokens(first, side):
    def patches(outputs):
        rows = [outputs[:, first + side * row : first + side * (row + 1)] for row in range(side)]
        return torch.stack(rows).permute(1, 3, 0, 2)

    return patches


@pytest.mark.parametrize(
    ("name", "image_size", "options", "shape", "stride", "as_maps"),
    [
        ("resnet10t", 97, {}, (512, 4, 4), 32, as_it_is),
        ("efficientnet_lite0", 64, {}, (1280, 2, 2), 32, as_it_is),
        ("convnext_atto", 33, {}, (320, 1, 1), 32, as_it_is),
        ("mobilenetv3_small_050", 65, {}, (288, 3, 3), 32, as_it_is),
        ("swin_tiny_patch4_window7_224", 68, {"img_size": 68}, (768, 3, 3), 32, channels_first),
        ("vit_tiny_patch16_224", 48, {"img_size": 48}, (192, 3, 3), 16, without_tokens(1, 3)),
        ("deit_tiny_distilled_patch16_224", 32, {"img_size": 32}, (192, 2, 2), 16, without_tokens(2, 2)),  # noqa: E501
        ("coat_lite_tiny", 64, {"img_size": 64}, (320, 2, 2), 32, without_tokens(1, 2)),
        ("mixer_s32_224", 64, {"img_size": 64}, (512, 2, 2), 32, without_tokens(0, 2)),
    ],
)  # fmt: skip
def test_feature_maps_are_timms(name, image_size, options, shape, stride, as_maps, saved):
    theirs = published(name, **options)
    path = saved(theirs.state_dict())
    network = get_model(f"timm/{name}", **SETTINGS, image_size=image_size, backbone_weights=path)
    images = torch.randn(2, 3, image_size, image_size)
    with torch.no_grad():
        maps = network.eval().features(images)
        assert torch.equal(maps, as_maps(theirs.forward_features(images)))
    assert maps.shape == (2, *shape)
    trunk = find_entry(f"timm/{name}").builder(image_size=image_size)
    assert (trunk.channels, trunk.stride, type(trunk.tail)) == (shape[0], stride, nn.Identity)


@pytest.mark.parametrize("name", ["resnet10t", "vit_tiny_patch16_224", "mobilenetv3_small_050"])
def test_every_parameter_is_trained_and_the_head_is_dropped(name):
    network = get_model(f"timm/{name}", **SETTINGS, image_size=64)
    assert all(module.training for module in network.modules())
    network(torch.randn(2, 3, 64, 64)).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert type(network.features.model.get_classifier()) is nn.Identity


@pytest.mark.parametrize("name", ["resnet10t", "vit_tiny_patch16_224"])
def test_looking_and_measuring_change_no_statistics_and_draw_no_random_number(name):
    torch.manual_seed(3)
    fresh = timm.create_model(name, num_classes=0).state_dict()
    timm_entry.cache_clear()
    torch.manual_seed(3)
    features = find_entry(f"timm/{name}").builder(image_size=224).features
    ours = features.model.state_dict()
    assert ours.keys() == fresh.keys()
    assert all(torch.equal(value, fresh[key]) for key, value in ours.items())


def test_checkpoint_gives_the_network_back(tmp_path):
    network = get_model("timm/vit_tiny_patch16_224", **SETTINGS, image_size=48).eval()
    state = {f"network.{key}": value for key, value in network.state_dict().items()}
    path = tmp_path / "last.ckpt"
    torch.save({"hyper_parameters": {"network": network.settings}, "state_dict": state}, path)
    loaded = load_checkpoint(path)
    images = torch.randn(2, 3, 48, 48)
    assert loaded.settings == network.settings
    with torch.no_grad():
        assert torch.equal(loaded(images), network(images))
    again = get_model("timm/vit_tiny_patch16_224", **SETTINGS, image_size=48, weights=path)
    assert torch.equal(again.classifier.weight, network.classifier.weight)
    assert "not 'timm/resnet10t'" in message_of("timm/resnet10t", weights=path)


def test_entries_of_one_name_have_equal_builders():
    first = find_entry("timm/resnet10t")
    timm_entry.cache_clear()
    second = find_entry("timm/resnet10t")
    assert first is not second
    assert first.builder == second.builder
    assert first.builder != find_entry("timm/resnet18").builder


def test_what_timm_publishes_beside_the_weights():
    entry = find_entry("timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k")
    assert entry.name == "timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k"
    assert entry.mean == entry.std == (0.5, 0.5, 0.5)
    assert entry.licence == "apache-2.0"
    assert find_entry("timm/convnextv2_atto").licence == "cc-by-nc-4.0"
    assert find_entry("timm/resnet10t").pretrained is not None
    assert find_entry("timm/resnet10t").resolve_options("none", {}) == {}


@pytest.mark.parametrize(
    ("name", "smallest", "multiple"),
    [
        ("resnet10t", 32, 1),
        ("vit_small_patch16_224", 32, 16),
        ("swin_tiny_patch4_window7_224", 32, 4),
        ("maxvit_tiny_tf_224", 32, 32),
        ("halonet26t", 256, 1),
    ],
)
def test_sides(name, smallest, multiple):
    entry = find_entry(f"timm/{name}")
    assert (entry.smallest_side, entry.side_multiple) == (smallest, multiple)


def test_sides_that_are_not_taken():
    assert message_of("timm/vit_tiny_patch16_224", image_size=97).endswith("not 97")
    message = message_of("timm/efficientformer_l1", image_size=64)
    assert message.startswith("model 'timm/efficientformer_l1' does not take pictures of 64 px (")


def test_models_without_feature_maps():
    for name in ("coat_tiny", "efficientvim_m1"):  # lists of tensors
        assert "makes no feature map" in message_of(f"timm/{name}", image_size=224)


@pytest.mark.parametrize(
    ("name", "closest"),
    [
        ("resnet181", "timm/resnet18"),
        ("resnet18.a1_in2k", "timm/resnet18.a1_in1k"),
        ("vit_tiny_patch16_224_in21k", "timm/vit_tiny_patch16_224"),  # deprecated
    ],
)
def test_unknown_name_names_the_closest(name, closest):
    message = message_of(f"timm/{name}")
    assert f"unknown model 'timm/{name}': did you mean " in message
    assert closest in message


@pytest.mark.parametrize("name", ["", "zzzzzz", "hf-hub:someone/resnet18", "local-dir:/tmp"])
def test_name_unlike_any(name):
    assert f"unknown model 'timm/{name}'" in message_of(f"timm/{name}")


def test_no_tail_and_no_options():
    assert "use 'none'" in message_of("timm/resnet10t", tail="inverted_residual")
    assert "it takes no options" in message_of("timm/resnet10t", drop_rate=0.5)


def test_without_timm(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    timm_entry.cache_clear()
    expected = "model 'timm/resnet10t' needs timm: pip install 'dlheir[timm]'"
    assert message_of("timm/resnet10t") == expected


# ------------------------------------------------------------------------------- published weights


def test_weights_of_another_size_are_fitted_as_timm_does(saved):
    state = published("vit_tiny_patch16_224").state_dict()
    network = get_model(
        "timm/vit_tiny_patch16_224", **SETTINGS, image_size=64, backbone_weights=saved(state)
    )
    theirs = timm.create_model(
        "vit_tiny_patch16_224",
        pretrained=True,
        img_size=64,
        num_classes=0,
        pretrained_cfg_overlay={"state_dict": state},
    )
    ours = network.features.model.state_dict()
    assert ours["pos_embed"].shape == (1, 17, 192)
    for key, value in theirs.state_dict().items():
        assert torch.equal(value, ours[key]), key


def test_default_weights_are_timms(monkeypatch):
    theirs = published("resnet10t")
    asked = []

    def create_model(name, pretrained=False, **options):
        asked.append((name, pretrained))
        return theirs if pretrained else whole(name, **options)

    whole = timm.create_model
    monkeypatch.setattr(timm, "create_model", create_model)
    network = get_model("timm/resnet10t", **SETTINGS, image_size=64, backbone_weights="DEFAULT")
    assert ("resnet10t", True) in asked
    for key, value in network.features.model.state_dict().items():
        assert torch.equal(value, theirs.state_dict()[key]), key


@pytest.mark.parametrize("error", [RuntimeError, ValueError, KeyError, ConnectionError])
def test_no_network_is_one_line(monkeypatch, error):
    def fails(name, pretrained=False, **options):
        if pretrained:
            raise error("no such host\nsee the manual")
        return whole(name, **options)

    whole = timm.create_model
    monkeypatch.setattr(timm, "create_model", fails)
    message = message_of("timm/resnet10t", image_size=64, backbone_weights="DEFAULT")
    assert "cannot download the ImageNet weights of 'timm/resnet10t'" in message
    assert TimmWeights("resnet10t").url in message


def test_addresses():
    hub = "https://huggingface.co/timm/resnet18.a1_in1k/resolve/main/pytorch_model.bin"
    assert TimmWeights("resnet18").url == TimmWeights("resnet18.a1_in1k").url == hub


def test_model_without_published_weights():
    name = next(n for n in timm.list_models() if not timm.get_pretrained_cfg(n).has_weights)
    assert find_entry(f"timm/{name}").pretrained is None


def test_weights_that_do_not_fit(saved):
    state = published("resnet10t").state_dict()
    del state["layer1.0.conv1.weight"]
    message = message_of("timm/resnet10t", image_size=64, backbone_weights=saved(state))
    assert "do not fit model 'timm/resnet10t' at 64 px" in message
    assert "layer1.0.conv1.weight" in message
