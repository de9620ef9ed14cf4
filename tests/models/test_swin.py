"""Swin-T against torchvision's own."""

import pytest
import torch
from torch import nn
from torchvision.models import swin_transformer
from torchvision.ops import StochasticDepth

import dlheir.models.swin  # noqa: F401  # registers it
from dlheir.errors import InputError
from dlheir.models import get_model


@pytest.fixture(scope="module")
def torchvisions():
    torch.manual_seed(0)
    network = swin_transformer.swin_t().eval()
    with torch.no_grad():  # norms that matter
        for module in network.modules():
            if isinstance(module, nn.LayerNorm):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.5, 0.5)
    return network


@pytest.fixture(scope="module")
def published(torchvisions, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "swin_t.pth"
    torch.save(torchvisions.state_dict(), path)
    return path


@pytest.mark.parametrize("image_size", [33, 97, 224])
def test_feature_maps_equal_torchvisions(torchvisions, published, image_size):
    network = get_model("swin_t", image_size=image_size, backbone_weights=published).eval()
    images = torch.randn(2, 3, image_size, image_size)
    with torch.no_grad():
        maps = network.features(images)
        theirs = torchvisions.permute(torchvisions.norm(torchvisions.features(images)))
    assert torch.equal(maps, theirs)
    assert maps.shape[1] == 768


@pytest.mark.parametrize("replace_last", [0, 1, 2])
def test_truncated_trunk_equals_torchvisions_first_blocks(torchvisions, published, replace_last):
    settings = {"image_size": 96, "replace_last": replace_last, "backbone_weights": published}
    network = get_model("swin_t_ir", **settings).eval()
    images = torch.randn(1, 3, 96, 96)
    with torch.no_grad():
        theirs = torchvisions.features[:7](images)
        for block in torchvisions.features[7][: 2 - replace_last]:
            theirs = block(theirs)
        maps = network.features(images)
    assert torch.equal(maps, theirs.permute(0, 3, 1, 2))
    assert network.tail(maps).shape == (1, 512, 3, 3)


def test_it_starts_and_drops_paths_as_torchvisions(torchvisions):
    fresh = swin_transformer.swin_t()
    features = get_model("swin_t").features
    theirs = {key.removeprefix("features."): value for key, value in fresh.state_dict().items()}
    ours = features.state_dict()
    assert ours.keys() == {key for key in theirs if not key.startswith("head.")}
    for key, value in ours.items():
        expected = theirs[key].float().std().item()
        assert value.float().std().item() == pytest.approx(expected, rel=0.1, abs=1e-6), key
    rates = [
        [module.p for module in network.modules() if isinstance(module, StochasticDepth)]
        for network in (features, torchvisions)
    ]
    assert rates[0] == rates[1]
    assert max(rates[0]) == 0.2


@pytest.mark.parametrize("name", ["swin_t", "swin_t_ir"])
def test_every_parameter_is_trained_at_an_odd_size(name):
    network = get_model(name, bits=8, num_classes=3, image_size=65)
    for module in network.modules():
        if isinstance(module, StochasticDepth):
            module.p = 0.0  # else it may leave out a block
    network(torch.randn(2, 3, 65, 65)).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.parametrize(
    ("option", "value"),
    [("replace_last", 3), ("replace_last", -1), ("expansion", 0), ("block_channels", 0)],
)
def test_option_out_of_range(option, value):
    with pytest.raises(InputError, match=rf"^{option} must be .*{value}$"):
        get_model("swin_t_ir", **{option: value})


def test_options_reach_the_tail():
    network = get_model("swin_t", tail="inverted_residual", expansion=2, block_channels=24)
    assert network.tail.layers[3].weight.shape[0] == 2 * 768
    assert network.hash_layer.conv.weight.shape[1] == 24
    assert network.settings["replace_last"] == 1
