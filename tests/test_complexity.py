"""What networks cost: the paper's Table 2 to the last digit, published counts, counts by hand."""

import functools
import json
from dataclasses import asdict

import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from torch import nn
from torch.autograd.graph import saved_tensors_hooks

from dlheir.complexity import main, measure
from dlheir.complexity.equations import Separable, describe_replacement, networks_with_a_block
from dlheir.complexity.memory import activation_bytes
from dlheir.complexity.operations import fvcore_operations, multiply_accumulates
from dlheir.complexity.paper_units import keras_parameters, profiler_operations
from dlheir.complexity.speed import measure_speed
from dlheir.complexity.tables import paper_table
from dlheir.errors import InputError
from dlheir.models import get_model, list_models
from dlheir.models.registry import find_entry

# name, bits, Keras' count of parameters, Table 2's "Parameters", the profiler's count / 1e6
# and Table 2's "MFLOPs".
TABLE_2 = [
    ("densenet201", 48, 18_419_284, 184.19, 164.973, 164.97),
    ("densenet201", 32, 18_386_884, 183.87, 164.682, 164.68),
    ("densenet201", 24, 18_370_684, 183.71, 164.536, 164.54),
    ("densenet201", 12, 18_346_384, 183.46, 164.318, 164.32),
    ("dlheir", 48, 17_663_636, 176.64, 158.339, None),  # printed 158.25, as for 32 bits
    ("dlheir", 32, 17_653_764, 176.54, 158.250, 158.25),
    ("dlheir", 24, 17_648_828, 176.49, 158.206, 158.21),
    ("dlheir", 12, 17_641_424, 176.41, 158.139, None),  # printed 158.13, 0.01 off
]

# name, image size, MACs, fvcore's total: 48 bits, 100 classes.
OPERATIONS = [
    ("densenet201", 224, 4_293_966_528, 4_343_382_048),
    ("densenet201", 384, 12_618_994_368, 12_764_215_488),
    ("dlheir", 224, 4_261_599_872, 4_308_685_344),
    ("dlheir", 384, 12_523_876_032, 12_662_249_664),
]

# What fvcore counts besides multiply-accumulates.
NO_PRODUCTS = {"batch_norm", "layer_norm", "group_norm", "adaptive_avg_pool2d"}
# Parts of torchvision's networks that come after the trunk, by their first name. The auxiliary
# classifiers work in training alone: their parameters are published, their operations are not.
HEADS = {"classifier", "fc", "head", "heads"}
AUXILIARY = {"AuxLogits"}
SQUEEZENET_PLACES = 13 * 13  # its classifier is a convolution before the pooling
PUBLISHED = [
    name
    for name in list_models()
    if find_entry(name).default_tail == "none" and find_entry(name).pretrained is not None
]


@functools.cache
def network_of_table_2(name, bits):
    return get_model(name, bits)


@pytest.mark.parametrize(("name", "bits", "count", "papers", "_", "__"), TABLE_2)
def test_parameters_of_table_2(name, bits, count, papers, _, __):
    counted = keras_parameters(network_of_table_2(name, bits))
    assert counted == count
    assert round(counted / 1e5, 2) == papers


@pytest.mark.parametrize(("name", "bits", "_", "__", "profiled", "papers"), TABLE_2)
def test_mflops_of_table_2(name, bits, _, __, profiled, papers):
    counted = profiler_operations(network_of_table_2(name, bits)) / 1e6
    assert round(counted, 3) == profiled
    assert papers is None or round(counted, 2) == papers


@pytest.mark.parametrize(("name", "image_size", "macs", "fvcores"), OPERATIONS)
def test_multiply_accumulates(name, image_size, macs, fvcores):
    network = network_of_table_2(name, 48)
    shape = (1, 3, image_size, image_size)
    assert multiply_accumulates(network, *shape) == macs
    assert sum(fvcore_operations(network, *shape).values()) == fvcores


def test_small_network_by_hand():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    weights, channels, biases, kernels, norms = 3 * 4 * 9, 4, 4, 1, 1
    expected = 9 * weights + 29 * channels + 7 * biases + kernels + 10 * norms + 21
    network.append(nn.Flatten()).append(nn.Linear(4 * 36, 2, bias=False))
    expected += 9 * 4 * 36 * 2 + 1
    complexity = measure(network, image_size=8)
    assert complexity.paper_mflops == expected / 1e6
    assert complexity.macs == 3 * 4 * 9 * 36 + 4 * 36 * 2
    assert complexity.fvcore_macs == complexity.macs + 2 * 4 * 36
    assert complexity.parameters == 3 * 4 * 9 + 4 + 2 * 4 + 4 * 36 * 2
    assert complexity.keras_parameters == complexity.parameters + 2 * 4
    # The picture for the convolution, its output for the norm, the norm's for the linear layer,
    # which needs it flattened, in the same memory; and what comes out.
    assert complexity.activation_bytes == 4 * (3 * 64 + 4 * 36 + 4 * 36 + 2)


@pytest.mark.parametrize("in_place", [False, True])
def test_relu_keeps_its_output_alone(in_place):
    """A convolution's output is needed by nothing, and in place it is the same memory."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(in_place))
    assert activation_bytes(network, 8) == 4 * (3 * 64 + 4 * 36)


def test_pooling_keeps_input_output_and_indices():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.MaxPool2d(2))
    assert activation_bytes(network, 8) == 4 * (3 * 64 + 4 * 64 + 4 * 16) + 8 * 4 * 16


class Attention(nn.Module):
    """Self-attention over a picture's 8 rows, each a token of 24 numbers."""

    def __init__(self, **options):
        super().__init__()
        self.attention = nn.MultiheadAttention(24, 4, batch_first=True, **options)

    def forward(self, images, need_weights=False):
        tokens = images.permute(0, 2, 1, 3).flatten(2)
        return self.attention(tokens, tokens, tokens, need_weights=need_weights)[0]


class Einsum(nn.Module):
    """A bilinear map of the picture with itself: no layer, but products."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(5, 8))

    def forward(self, images):
        return torch.einsum("bchw,oh->bcow", images, self.weight)


def test_attention_by_hand():
    """Also in eval mode, where torch would run it all as one operator."""
    linear, scores = 4 * 24 * 24 * 8, 2 * 8 * 8 * 24
    for network in (Attention(), Attention().eval()):
        assert multiply_accumulates(network, 1, 3, 8, 8) == linear + scores
        counted = fvcore_operations(network, 1, 3, 8, 8)
        assert counted == {"linear": linear, "scaled_dot_product_attention": scores}
    # Tokens, their q, k and v in one, the heads' output, the output; and for the backward pass
    # the logarithm of each row's sum in each head. No 8 x 8 matrix.
    tokens = 8 * 24
    assert activation_bytes(Attention(), 8) < 4 * (8 * tokens + 4 * 8 * 8)
    assert activation_bytes(Attention(dropout=0.5), 8) > activation_bytes(Attention(), 8)


def test_einsum_by_hand():
    assert multiply_accumulates(Einsum(), 1, 3, 8, 8) == 3 * 8 * 5 * 8


def test_vision_transformer_in_closed_form():
    """ViT-B/16 at 224 px: 196 patches and a class token, 12 layers of width 768, 4 x 768 inside."""
    width, tokens = 768, 197
    patches = 196 * 3 * 16 * 16 * width
    layer = tokens * (4 * width**2 + 2 * 4 * width**2) + 2 * tokens**2 * width
    with torch.device("meta"):
        network = torchvision.models.vit_b_16()
    assert multiply_accumulates(network, 1, 3, 224, 224) == patches + 12 * layer + width * 1000


@functools.cache
def published(name):
    """Of torchvision's own network: its weights' entry, and its modules, on the meta device."""
    weights = find_entry(name).pretrained
    builders = torchvision.models.list_models(module=torchvision.models)
    (builder,) = [n for n in builders if torchvision.models.get_model_weights(n) is type(weights)]
    options = {"init_weights": False} if builder in {"googlenet", "inception_v3"} else {}
    with torch.device("cpu" if "regnet" in builder else "meta"):  # its widths are computed
        return weights, torchvision.models.get_model(builder, **options)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_operations(name):
    """torchvision publishes thousands of 1000 multiply-accumulates of each of its networks."""
    weights, network = published(name)
    (size,) = set(weights.transforms().crop_size)
    trunk = get_model(name, image_size=size - size % find_entry(name).side_multiple)
    macs = multiply_accumulates(nn.Sequential(trunk.features, trunk.tail), 1, 3, size, size)
    for part in HEADS & set(dict(network.named_children())):
        for layer in network.get_submodule(part).modules():
            if isinstance(layer, nn.Linear):
                macs += layer.weight.numel()
            elif isinstance(layer, nn.Conv2d):
                macs += layer.weight.numel() * SQUEEZENET_PLACES
    assert macs / 1e9 == pytest.approx(weights.meta["_ops"], abs=0.0005001)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_parameters(name):
    weights, network = published(name)
    trunk = get_model(name, image_size=224)
    head = sum(
        parameter.numel()
        for part, module in network.named_children()
        if part in HEADS | AUXILIARY
        for parameter in module.parameters()
    )
    trunks = sum(parameter.numel() for parameter in trunk.features.parameters())
    assert trunks + head == weights.meta["num_params"]


@pytest.mark.parametrize("name", ["dlheir_nano", "mobilenet_v3_small", "swin_t", "vit_b_16"])
def test_two_counters_agree(name):
    network = get_model(name, image_size=64)
    counted = fvcore_operations(network, 1, 3, 64, 64)
    products = sum(count for operator, count in counted.items() if operator not in NO_PRODUCTS)
    assert products == multiply_accumulates(network, 1, 3, 64, 64)


def saved_bytes(network, pictures, size):
    """What autograd says it saves on the CPU, but for weights; and the logits."""
    images = torch.zeros(pictures, 3, size, size)
    own = {p.untyped_storage().data_ptr() for p in [*network.parameters(), *network.buffers()]}
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        logits = network(images)
    return sum(kept.values()) + logits.untyped_storage().nbytes()


@pytest.mark.parametrize(
    "name", ["dlheir_nano", "mobilenet_v3_small", "squeezenet1_1", "swin_t", "vit_b_16"]
)
def test_activations_are_what_autograd_saves(name):
    network = get_model(name, image_size=64)
    on_the_cpu = saved_bytes(network, 3, 64) - saved_bytes(network, 2, 64)
    assert activation_bytes(network, 64) == on_the_cpu


def test_recomputed_layers_keep_less():
    plain, frugal = (get_model("dlheir_nano", memory_efficient=m) for m in (False, True))
    assert measure(plain, 64).macs == measure(frugal, 64).macs
    # A layer's input and its first norm's output go, at 16, 8 and 4 places a side; what the block
    # was given and what each layer but the last one adds (16 channels) stay, as inputs of others.
    gone = 2 * ((16 + 32) * 16**2 + (24 + 40 + 56) * 8**2 + (36 + 52 + 68) * 4**2)
    stay = (16 + 16) * 16**2 + (24 + 2 * 16) * 8**2 + (36 + 2 * 16) * 4**2
    saved = activation_bytes(plain, 64) - activation_bytes(frugal, 64)
    assert saved == 4 * (gone - stay)


def test_more_costs_more():
    costs = [measure(get_model("dlheir_nano", bits), 64) for bits in (12, 24, 48)]
    for name in ("parameters", "keras_parameters", "macs", "fvcore_macs", "activation_bytes"):
        counts = [getattr(cost, name) for cost in costs]
        assert counts == sorted(set(counts))
    small, large = (measure(get_model("dlheir_nano"), size) for size in (64, 128))
    assert small.parameters == large.parameters
    linear = 48 * 100  # the classifier works on one place, everything else on four times as many
    assert large.macs - linear == 4 * (small.macs - linear)
    assert 3.9 * small.activation_bytes < large.activation_bytes < 4 * small.activation_bytes


def test_frozen_parameters_count():
    network = get_model("dlheir_nano")
    whole = measure(network, 32)
    network.features.requires_grad_(False)
    assert measure(network, 32) == whole


def test_measuring_changes_nothing():
    network = get_model("dlheir_nano")
    network.tail.eval()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    attend = nn.functional.scaled_dot_product_attention
    measure(network, 64)
    assert network.training
    assert not network.tail.training
    assert all(torch.equal(value, network.state_dict()[key]) for key, value in before.items())
    assert nn.functional.scaled_dot_product_attention is attend
    assert torch.backends.mha.get_fastpath_enabled()


def test_during_a_test_as_ever():
    network = get_model("dlheir_nano")
    with torch.inference_mode():
        assert measure(network.half(), 64) == measure(get_model("dlheir_nano"), 64)


@settings(max_examples=25, deadline=None)
@given(
    k=st.sampled_from([1, 3, 5]),
    c_in=st.integers(2, 9),
    c_out=st.integers(1, 9),
    w=st.integers(5, 12),
    h=st.integers(5, 12),
)
def test_equations_are_what_layers_cost(k, c_in, c_out, w, h):
    of = Separable(k, c_in, c_out, w, h, w, h)
    depthwise = nn.Conv2d(c_in, c_in, k, padding=k // 2, groups=c_in, bias=False)
    separable = nn.Sequential(depthwise, nn.Conv2d(c_in, c_out, 1, bias=False))
    standard = nn.Conv2d(c_in, c_out, k, padding=k // 2, bias=False)
    for layers, cost, parameters in ((separable, of.cd, of.pd), (standard, of.cs, of.ps)):
        assert fvcore_operations(layers, 1, c_in, h, w)["conv"] == cost
        assert sum(p.numel() for p in layers.parameters()) == parameters
    assert of.rc == pytest.approx(of.ratio)
    assert of.rp == pytest.approx(of.ratio)


def test_equation_5_needs_stride_1():
    halved = Separable(k=3, c_in=8, c_out=16, w_in=10, h_in=10, w_out=5, h_out=5)
    assert halved.rp == pytest.approx(halved.ratio)
    assert halved.rc == pytest.approx(4 / 16 + 1 / 9)


@pytest.mark.parametrize(("size", "side"), [(224, 7), (384, 12)])
def test_replacement_of_the_paper(size, side):
    """One block of 1472 channels in the place of 14 dense layers and a batch norm."""
    found = describe_replacement("dlheir", size)
    of, places = found.separable, side**2
    assert of == Separable(3, 1472, 512, side, side, side, side)
    assert found.counted == {name: getattr(of, name) for name in ("cd", "pd", "cs", "ps")}
    assert (of.pd, of.ps) == (9 * 1472 + 1472 * 512, 9 * 1472 * 512)
    assert of.rc == pytest.approx(1 / 512 + 1 / 9)
    assert found.block["macs"] == of.cd + 1472 * 1472 * places
    assert found.block["parameters"] == of.pd + 1472**2 + 2 * (2 * 1472 + 512)
    # A dense layer: norm, 1x1 to 128 channels, norm, 3x3 to 32.
    inputs = [1472 + 32 * layer for layer in range(14)]
    macs = sum(128 * c + 9 * 128 * 32 for c in inputs)
    assert found.replaced["macs"] == macs * places
    assert found.replaced["parameters"] == macs + 2 * (sum(inputs) + 14 * 128) + 2 * 1920


@pytest.mark.soak
@pytest.mark.parametrize("name", networks_with_a_block())
def test_equations_hold_for_every_block(name):
    size = max(64, find_entry(name).smallest_side)
    found = describe_replacement(name, size)
    of = found.separable
    assert found.counted == {symbol: getattr(of, symbol) for symbol in ("cd", "pd", "cs", "ps")}
    assert of.rc == pytest.approx(of.ratio)


def test_speed():
    network = get_model("dlheir_nano", 12)
    speed = measure_speed(network, 32, batch_size=2, repeats=1)
    assert speed.inference_images_per_second > 0
    assert speed.training_images_per_second > 0
    assert (speed.batch_size, speed.repeats) == (2, 1)


def test_json_of_the_command_line(dlheir):
    """One row per network, bits and size, and the reason where there is no figure."""
    finished = dlheir(
        *("complexity", "dlheir_nano", "vit_b_16", "--bits", 12, 24, "--image-size", 72, 40),
        *("--json", "--speed", "--batch-size", 2, "--repeats", 1),
    )
    assert finished.code == 0, finished.err
    rows = json.loads(finished.out)
    assert [(r["model"], r["bits"], r["image_size"]) for r in rows] == [
        (name, bits, size)
        for name in ("dlheir_nano", "vit_b_16")
        for bits in (12, 24)
        for size in (72, 40)
    ]
    speed = rows[2].pop("speed")
    assert rows[2] == {"model": "dlheir_nano", "bits": 24, "image_size": 72} | asdict(
        measure(get_model("dlheir_nano", 24), 72)
    )
    assert (speed["batch_size"], speed["device"], speed["threads"]) == (2, "cpu", 1)
    skipped = [row for row in rows if "skipped" in row]
    assert {(row["model"], row["image_size"]) for row in skipped} == {
        ("vit_b_16", 72),
        ("vit_b_16", 40),
    }
    assert "multiple of 16" in skipped[0]["skipped"]
    assert not finished.complaints


def test_table(capsys):
    assert main(["dlheir_nano", "mobilenet_v2", "--bits", "12", "--image-size", "64"]) == 0
    table = capsys.readouterr().out
    complexity = measure(get_model("mobilenet_v2", 12), 64)
    for text in (f"{complexity.macs:,}", f"{complexity.activation_bytes / 2**20:.1f}"):
        assert text in table
    assert "Table 2" not in table
    assert max(map(len, table.splitlines())) <= 120


def line_of(table, *texts):
    """The cells of the one line that has these texts."""
    (line,) = [line for line in table.splitlines() if all(text in line for text in texts)]
    return [cell.strip() for cell in line.strip("│").split("│")]


def test_table_2_beside_the_papers(capsys):
    assert main(["dlheir", "--bits", "48", "16", "--image-size", "32", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows[0]["printed"] == {"parameters": 176.64, "mflops": 158.25}
    assert "printed" not in rows[1]
    console = Console(width=120)
    console.print(paper_table(rows))
    table = capsys.readouterr().out
    assert line_of(table, "17,663,636")[3:] == [
        "176.64",
        "176.64",
        "0",
        "158.34",
        "158.25",
        "+0.09",
    ]
    assert line_of(table, "│   16 │")[4:6] == ["-", "-"]


def test_sizes_that_a_network_does_not_take(capsys):
    arguments = ["vit_b_16", "dlheir_nano", "--bits", "12", "--image-size", "64", "40", "80"]
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert line_of(shown, "Left out:") == [
        "Left out: vit_b_16 at 40 px: image_size must be a multiple of 16 for model 'vit_b_16', "
        "not 40"
    ]
    with_64, with_80 = shown.split("Cost of one picture")[1:]
    # It is built for its size: a line each, with as many parameters as there are positions.
    _, _, parameters_64, macs_64, at_40, *_ = line_of(with_64, "│ vit_b_16")
    _, _, parameters_80, *_ = line_of(with_80, "│ vit_b_16")
    positions = 5**2 - 4**2
    assert int(parameters_80.replace(",", "")) - int(parameters_64.replace(",", "")) == (
        positions * 768
    )
    assert macs_64
    assert at_40 == "-"


def test_equations_of_the_command_line(capsys):
    assert main(["--equations", "dlheir_nano", "--image-size", "64", "96"]) == 0
    tables = capsys.readouterr().out
    found = describe_replacement("dlheir_nano", 96)
    assert tables.count("(5) rc") == 2
    for number in (found.separable.cs, found.block["macs"], found.replaced["parameters"]):
        assert f"{number:,}" in tables
    assert main(["--equations", "dlheir_nano", "--image-size", "96", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row == json.loads(json.dumps(found.as_dict()))
    assert main(["--equations", "inception_v3_ir", "--image-size", "96", "64", "--json"]) == 0
    counted, skipped = json.loads(capsys.readouterr().out)
    assert counted["image_size"] == 96
    assert skipped["image_size"] == 64
    assert "at least 75" in skipped["skipped"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["dlhier"],
        ["--bits", "x"],
        ["--bits", "0"],
        ["--image-size", "8"],
        ["--no-such-option"],
        ["--all", "dlheir"],
        ["vit_b_16", "--image-size", "40"],
        ["dlheir_nano", "--speed", "--batch-size", "1"],
        ["dlheir_nano", "--speed", "--repeats", "0"],
        ["--equations", "densenet201"],
    ],
)
def test_wrong_arguments_are_one_line(arguments, capsys):
    with pytest.raises(InputError) as caught:
        main(arguments)
    assert "\n" not in str(caught.value)
    assert capsys.readouterr().out == ""
