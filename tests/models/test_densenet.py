"""Our DenseNet trunks against torchvision's own."""

import pytest
import torch
from torch.nn import functional as F
from torch.nn.modules.module import register_module_parameter_registration_hook
from torchvision.models import DenseNet

from dlheir.errors import InputError
from dlheir.models import get_model
from dlheir.models.densenet import DenseNetBuilder, densenet201

SHAPE = (2, 3, 4, 5)
WHOLE = DenseNetBuilder(growth_rate=8, blocks=SHAPE, stem_channels=16)


@pytest.fixture(scope="module")
def torchvisions():
    """A random torchvision DenseNet of the same shape, with batch norms that matter."""
    torch.manual_seed(0)
    network = DenseNet(growth_rate=8, block_config=SHAPE, num_init_features=16, num_classes=5)
    network.train()
    with torch.no_grad():
        for _ in range(3):
            network(torch.randn(4, 3, 64, 64))
    return network.eval()


def filled_from(torchvisions, **options):
    trunk = WHOLE(**options)
    wanted = trunk.features.state_dict()
    given = torchvisions.features.state_dict()
    trunk.features.load_state_dict({key: given[key] for key in wanted})
    trunk.features.eval()
    return trunk


def test_whole_trunk_equals_torchvisions_features(torchvisions):
    trunk = filled_from(torchvisions, tail="none")
    images = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(trunk.features(images), F.relu(torchvisions.features(images)))
    assert trunk.features.state_dict().keys() == torchvisions.features.state_dict().keys()


def test_truncated_trunk_equals_torchvisions_first_layers(torchvisions):
    trunk = filled_from(torchvisions, tail="inverted_residual", replace_last=3)
    images = torch.randn(2, 3, 64, 64)
    ours = trunk.features(images)
    theirs = torchvisions.features[:-1](images)  # without norm5
    torch.testing.assert_close(ours, theirs[:, : ours.shape[1]])
    assert ours.shape[1] == theirs.shape[1] - 3 * 8


def test_batch_norms_and_convolutions_start_as_torchvisions():
    """Kaiming normal: the variance of a wide layer's weights is 2 / fan-in."""
    weight = densenet201(tail="none").features.denseblock4.denselayer32.conv1.weight
    assert weight.var().item() == pytest.approx(2 / weight.shape[1], rel=0.05)


@pytest.mark.parametrize("name", ["dlheir", "densenet201"])
def test_removed_layers_are_never_created(name):
    created = []
    handle = register_module_parameter_registration_hook(
        lambda module, key, parameter: created.append(0 if parameter is None else parameter.numel())
    )
    try:
        network = get_model(name)
    finally:
        handle.remove()
    assert sum(created) == sum(parameter.numel() for parameter in network.parameters())


def test_dlheir_keeps_18_layers_of_the_fourth_block():
    names = [name for name, _ in get_model("dlheir").features.named_children()]
    assert names[-1] == "denseblock4"
    layers = get_model("dlheir").features.denseblock4
    assert list(layers) == [f"denselayer{number}" for number in range(1, 19)]


def test_dlheir_is_densenet201_with_the_tail():
    ours = get_model("densenet201", tail="inverted_residual").state_dict()
    papers = get_model("dlheir").state_dict()
    assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in papers.items()}


def test_memory_efficient_changes_no_gradient():
    plain = get_model("dlheir_nano", bits=8, num_classes=3)
    frugal = get_model("dlheir_nano", bits=8, num_classes=3, memory_efficient=True)
    frugal.load_state_dict(plain.state_dict())
    images = torch.randn(2, 3, 64, 64)
    for network in (plain, frugal):
        network.eval()(images).sum().backward()
    torch.testing.assert_close(plain.features.conv0.weight.grad, frugal.features.conv0.weight.grad)
    assert frugal.features.denseblock1.denselayer1.memory_efficient


def test_options_reach_the_layers():
    network = get_model("dlheir_nano", replace_last=SHAPE[0], expansion=2, block_channels=24)
    wide = network.tail.layers[3].weight.shape[0]
    assert wide == 2 * network.tail.layers[0].weight.shape[1]
    assert network.hash_layer.conv.weight.shape[1] == 24


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("replace_last", -1),
        ("replace_last", 33),
        ("replace_last", 1.5),
        ("replace_last", True),
        ("expansion", 0),
        ("block_channels", 0),
        ("memory_efficient", "yes"),
    ],
)
def test_option_out_of_range(option, value):
    with pytest.raises(InputError, match=rf"^{option} must be .*{value!r}$"):
        get_model("dlheir", **{option: value})


def test_every_layer_of_the_last_block_can_be_replaced():
    last_block = get_model("dlheir_nano", tail="none").features.denseblock3
    network = get_model("dlheir_nano", replace_last=len(last_block))
    assert network.eval()(torch.randn(1, 3, 64, 64)).shape == (1, 100)
