"""Our trunks against torchvision's own networks, from their published state dicts."""

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from dlheir.errors import InputError
from dlheir.models import get_model, list_models
from dlheir.models.backbone import Backbone, cut, layers_before_pooling
from dlheir.models.densenet import DenseNetBuilder
from dlheir.models.registry import find_entry

# Networks with a function of the same name in torchvision.
NAMES = [
    name
    for name in list_models()
    if isinstance(find_entry(name).builder, Backbone | DenseNetBuilder)
    and name in torchvision.models.list_models()
]
TAIL_OF = {"densenet201": "dlheir"}


class LastPooled(TorchFunctionMode):
    """Keeps what the last average over places was taken of."""

    def __torch_function__(self, function, types, arguments=(), options=None):
        if function in (F.adaptive_avg_pool2d, torch.Tensor.mean):
            self.maps = arguments[0]
        return function(*arguments, **(options or {}))


@pytest.fixture(scope="module", params=NAMES)
def case(request, tmp_path_factory):
    """torchvision's network, its file, and what it makes of pictures at some places inside."""
    name = request.param
    torch.manual_seed(0)
    network = published_network(name)
    images = torch.randn(2, 3, 75, 75)
    make_norms_matter(network, images)
    path = tmp_path_factory.mktemp("published") / "weights.pth"
    state = {k: v for k, v in network.state_dict().items() if v.numel() < 1e8 or "class" not in k}
    torch.save(state, path)
    yield name, network, images, path
    path.unlink()


def published_network(name):
    options = {"init_weights": True} if name in ("googlenet", "inception_v3") else {}
    return getattr(torchvision.models, name)(**options)


def make_norms_matter(network, images):
    """Give all norms random weights, and batch norms the statistics of some pictures."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.LayerNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    network.eval()  # no auxiliary heads, which take no small pictures
    for module in network.modules():
        module.training = isinstance(module, nn.BatchNorm2d)
    with torch.no_grad():
        network(images)
    network.eval()


@torch.no_grad()
def test_whole_trunk_equals_torchvisions(case):
    name, network, images, path = case
    ours = get_model(name, backbone_weights=path).eval().features(images)
    assert torch.equal(ours, before_pooling(name, network, images))
    assert ours.std() > 1e-3  # not the same for being nothing


def before_pooling(name, network, images):
    if name == "squeezenet1_1":  # its classifier comes before the pooling
        return network.features(images)
    with LastPooled() as pooled:
        network(images)
    return pooled.maps


@torch.no_grad()
@pytest.mark.parametrize("most", [False, True])
def test_what_is_left_of_a_trunk_equals_torchvisions(case, most):
    """The tail is given what torchvision's first replaced layer is given."""
    name, network, images, path = case
    paths = replaced_paths(find_entry(name).builder)
    options = {"replace_last": len(paths)} if most else {}
    ours = get_model(TAIL_OF.get(name, f"{name}_ir"), backbone_weights=path, **options).eval()
    entry = find_entry(name)
    first = network.get_submodule(entry.prefix + paths[-ours.settings["replace_last"]])
    theirs = input_of(first, network, images)
    maps = ours.features(images)
    assert torch.equal(maps, theirs)
    assert ours.tail.layers[0].in_channels == maps.shape[1]
    kept = ours.features.state_dict().keys()
    assert {entry.prefix + key for key in kept} < network.state_dict().keys()


@torch.no_grad()
def test_units_follow_one_another_and_keep_the_side(case):
    name, network, images, _ = case
    entry = find_entry(name)
    paths = [entry.prefix + path for path in replaced_paths(entry.builder)]
    modules = [path for path, _ in network.named_modules() if path in paths]
    assert modules == paths
    first, last = (input_of(network.get_submodule(paths[i]), network, images) for i in (0, -1))
    assert first.shape[2:] == last.shape[2:]


def input_of(layer, network, images):
    """What a layer is given, joined where it is given many, as a dense layer is."""
    given = []

    def keep(_, arguments):
        maps = arguments[0] if isinstance(arguments[0], list) else [arguments[0]]
        given.append(torch.cat(maps, dim=1))

    handle = layer.register_forward_pre_hook(keep)
    network(images)
    handle.remove()
    return given[0]


def replaced_paths(builder):
    if isinstance(builder, Backbone):
        return list(builder.units)
    return [f"denseblock4.denselayer{number + 1}" for number in range(builder.blocks[-1])]


@pytest.mark.parametrize(
    ("option", "value"),
    [("replace_last", 0), ("replace_last", 4), ("expansion", 0), ("block_channels", 1.5)],
)
def test_option_out_of_range(option, value):
    with pytest.raises(InputError, match=rf"^{option} must be an integer .*{value!r}$"):
        get_model("mobilenet_v2_ir", **{option: value})


def test_options_reach_the_block():
    network = get_model("mobilenet_v2", tail="inverted_residual", expansion=6, block_channels=200)
    assert network.tail.layers[3].weight.shape[0] == 6 * 160
    assert network.hash_layer.conv.in_channels == 200


def test_cut_removes_a_layer_and_all_after_it():
    layers = nn.Sequential(nn.ReLU(), nn.Sequential(nn.ReLU(), nn.Tanh(), nn.ReLU()), nn.Tanh())
    cut(layers, "1.1")
    assert [name for name, _ in layers.named_modules() if name] == ["0", "1", "1.0"]
    cut(layers, "1")
    assert len(layers) == 1


def test_layers_before_pooling_leave_the_head_out():
    network = nn.Module()
    network.stem, network.avgpool, network.fc = nn.Tanh(), nn.AvgPool2d(2), nn.Linear(1, 1)
    assert [name for name, _ in layers_before_pooling(network).named_children()] == ["stem"]
    network.features = nn.Sequential(nn.ReLU())
    assert layers_before_pooling(network) is network.features
