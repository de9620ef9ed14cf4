"""What holds for every model of the zoo."""

from types import SimpleNamespace

import pytest
import torch
from model_table import read_rows
from torch import nn
from torchvision.ops import StochasticDepth

from dlheir.models import get_model, list_models
from dlheir.models.registry import ModelEntry, find_entry

MORE = 33  # pixels than the smallest side: maps of more than one place
ROWS = read_rows()
REPLACED = [name for name in list_models() if name.endswith("_ir")]


# One model at a time is held, and all tests see it: building takes longer than most of them.
@pytest.fixture(scope="module", params=list_models())
def model(request):
    """A network for an odd size, 48 bits and 100 classes, its trunk, its entry and pictures."""
    name = request.param
    entry = find_entry(name)
    trunks = []

    def build(entry, *arguments, build=ModelEntry.build):
        trunks.append(build(entry, *arguments))
        return trunks[-1]

    torch.manual_seed(0)
    side = odd_side(entry)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ModelEntry, "build", build)
        network = get_model(name, image_size=side)
    images = torch.randn(2, 3, side, side)
    settle(network, images)
    return SimpleNamespace(name=name, entry=entry, trunk=trunks[0], network=network, images=images)


def settle(network, images):
    """Give batch norms the statistics of the pictures, and drop no blocks at random."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
        if isinstance(module, StochasticDepth):
            module.p = 0.0
    with torch.no_grad():
        network.train()(images)


def odd_side(entry):
    """A side well above the smallest, odd in what the model divides pictures into."""
    parts = -(-(entry.smallest_side + MORE) // entry.side_multiple)
    return entry.side_multiple * (parts + 1 - parts % 2)


def test_gradient_reaches_every_parameter(model):
    """So no layer is there in vain, either: what a tail replaces is gone."""
    model.network.train().zero_grad()
    model.network(model.images).square().sum().backward()
    gradients = {name: p.grad for name, p in model.network.named_parameters()}
    assert [name for name, gradient in gradients.items() if gradient is None] == []
    assert all(gradient.isfinite().all() for gradient in gradients.values())
    # Batch norm subtracts the bias of the convolution before it, and its gradient with it.
    zero = [name for name, gradient in gradients.items() if not gradient.any()]
    assert [name for name in zero if not name.endswith(".bias")] == []


@torch.no_grad()
def test_feature_maps_have_the_channels_and_the_stride(model):
    network, stride = model.network.eval(), model.trunk.stride
    maps = network.tail(network.features(model.images))
    assert maps.shape[1] == model.trunk.channels == network.hash_layer.conv.in_channels
    if model.entry.side_multiple > 1:
        assert maps.shape[2] * stride == maps.shape[3] * stride == model.images.shape[2]
        return
    # One place more for each stride more, whatever the padding.
    larger = nn.functional.pad(model.images[:1], (0, 2 * stride, 0, stride))
    sides = network.tail(network.features(larger)).shape[2:]
    assert sides == (maps.shape[2] + 1, maps.shape[3] + 2)


@torch.no_grad()
def test_codes_and_activations(model):
    network = model.network.eval()
    codes = network.codes(model.images)
    assert codes.dtype == torch.uint8
    assert codes.shape == (2, 48)
    assert set(codes.unique().tolist()) <= {0, 1}
    activations = network.activations(model.images)
    assert activations.dtype == torch.float32
    # Far from 0 a sigmoid rounds to 1: Inception v3 starts with weights that lead there.
    assert ((activations >= 0) & (activations <= 1)).all()
    assert torch.equal(codes.bool(), activations >= 0.5)
    assert network(model.images).shape == (2, 100)


@torch.no_grad()
def test_settings_and_state_rebuild_the_network(model):
    network = model.network.eval()
    again = get_model(**network.settings)
    again.load_state_dict(network.state_dict())
    assert again.settings == network.settings
    assert again.transform == network.transform
    assert torch.equal(network(model.images), again.eval()(model.images))


@torch.no_grad()
def test_smallest_side_is_enough(model):
    side = model.entry.smallest_side
    network = model.network
    if model.entry.side_multiple > 1:  # built for one size
        network = get_model(model.name, image_size=model.entry.check_image_size(side))
    assert network.eval()(torch.randn(1, 3, side, side)).isfinite().all()


def test_row_of_the_table(model):
    """All of a row's numbers but the MACs, which the soak tests count."""
    network = model.network if model.entry.side_multiple == 1 else get_model(model.name)
    row = ROWS[model.name]
    assert row["parameters"] == f"{sum(p.numel() for p in network.parameters()):,}"
    assert row["channels"] == f"{model.trunk.channels}"
    assert row["stride"] == f"{model.trunk.stride}"
    assert row["smallest side"] == f"{model.entry.smallest_side}"


def test_table_has_a_row_for_every_model():
    assert sorted(ROWS) == list_models()


@pytest.mark.parametrize("name", REPLACED)
@pytest.mark.parametrize("column", ["parameters", "MACs"])
def test_replacement_saves_parameters_and_work(name, column):
    """By the table, which other tests compare with the networks."""
    left, whole = (int(ROWS[n][column].replace(",", "")) for n in (name, name.removesuffix("_ir")))
    assert left < whole


@pytest.mark.parametrize("name", REPLACED)
def test_table_says_how_many_layers_are_replaced(name):
    replaced = find_entry(name).resolve_options("inverted_residual", {})["replace_last"]
    assert ROWS[name]["the tail replaces"].split()[0] == f"{replaced}"
    assert ROWS[name.removesuffix("_ir")]["the tail replaces"] == ""


@pytest.mark.parametrize("name", list_models())
def test_licence_is_one_line(name):
    licence = find_entry(name).licence
    assert licence
    assert licence.isprintable()


@pytest.mark.parametrize("name", list_models())
def test_pictures_are_normalised_as_for_the_published_weights(name):
    entry = find_entry(name)
    if entry.pretrained is None:
        assert name == "dlheir_nano"
        return
    published = entry.pretrained.transforms()
    level = torch.rand(3, 1, 1)
    theirs = (level - tensor(published.mean)) / tensor(published.std)
    if "googlenet" in name or "inception" in name:  # what their weights switch on
        theirs = entry.builder.make(transform_input=True)._transform_input(theirs[None])[0]
    ours = (level - tensor(entry.mean)) / tensor(entry.std)
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)


def tensor(channels):
    return torch.tensor(channels).view(3, 1, 1)


@pytest.mark.parametrize("name", list_models())
def test_model_is_built_without_memory(name):
    """As sweeps do, which build each of their networks to see whether it can be."""
    with torch.device("meta"):
        network = get_model(name, image_size=96)
    assert network.hash_layer.conv.weight.is_meta
