"""Names, arguments and what is answered to wrong ones."""

import pytest
from torch import nn

from dlheir.errors import InputError
from dlheir.models import get_model, list_models, register_model, registry
from dlheir.models.trunk import Trunk


@pytest.fixture
def own_entries(monkeypatch):
    monkeypatch.setattr(registry, "_entries", dict(registry._entries))


def message_of(**arguments):
    with pytest.raises(InputError) as caught:
        get_model(**{"name": "dlheir_nano"} | arguments)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_names_are_sorted_and_hold_the_papers():
    assert list_models() == sorted(list_models())
    assert {"densenet201", "dlheir", "dlheir_nano", "mobilenet_v2"} <= set(list_models())
    assert "densenet201_ir" not in list_models()  # it is dlheir


def test_unknown_name_names_the_closest_and_the_known():
    message = message_of(name="dlhier")
    assert "'dlhier': did you mean 'dlheir'?" in message
    assert all(name in message for name in list_models())


def test_name_unlike_any():
    assert "did you mean" not in message_of(name="zzz")


@pytest.mark.parametrize(
    ("argument", "values"),
    [
        ("bits", [0, -1, 1025, 4.0, "48", True, None]),
        ("num_classes", [1, 0, 2.5, None]),
        ("image_size", [31, 0, 224.0, "224"]),
    ],
)
def test_number_out_of_range(argument, values):
    for value in values:
        message = message_of(**{argument: value})
        assert message.startswith(f"{argument} must be an integer")
        assert repr(value) in message


def test_smallest_and_largest_values():
    for bits in (1, 1024):
        network = get_model("dlheir_nano", bits=bits, num_classes=2, image_size=32)
        assert network.threshold.shape == (bits,)


def test_unknown_resize_and_tail_name_the_known():
    assert "warp, letterbox, crop" in message_of(resize="stretch")
    assert "none, inverted_residual" in message_of(tail="dense")


def test_unknown_option_names_those_taken():
    message = message_of(replace_lats=3)
    assert "'replace_lats'" in message
    assert "block_channels, expansion, memory_efficient, replace_last" in message


def test_options_of_the_tail_need_the_tail():
    message = message_of(tail="none", replace_last=3)
    assert "'replace_last'" in message
    assert message.endswith("it takes memory_efficient")


def test_backbone_without_replacement():
    assert "use 'none'" in message_of(name="vit_b_16", tail="inverted_residual")
    assert "no options" in message_of(name="vit_b_16", expansion=2)


@pytest.mark.parametrize(
    ("name", "side", "expected"),
    [
        ("alexnet", 62, "at least 63 for model 'alexnet', not 62"),
        ("inception_v3", 74, "at least 75 for model 'inception_v3', not 74"),
        ("vit_b_16", 40, "must be a multiple of 16 for model 'vit_b_16', not 40"),
    ],
)
def test_size_that_a_model_does_not_take(name, side, expected):
    assert expected in message_of(name=name, image_size=side)


def test_weights_of_both_kinds():
    assert "not both" in message_of(weights="a.ckpt", backbone_weights="DEFAULT")


@pytest.mark.usefixtures("own_entries")
def test_a_new_backbone_is_one_function():
    @register_model("another", mean=(0.5, 0.5, 0.5), std=(0.1, 0.2, 0.3), width=6)
    def tiny(width: int = 4) -> Trunk:
        return Trunk(nn.Conv2d(3, width, 3, stride=2), width, stride=2)

    assert list_models() == sorted(list_models())  # though registered last
    assert "another" in list_models()
    network = get_model("another", bits=8)
    assert network.features.out_channels == 6
    assert network.transform.mean == (0.5, 0.5, 0.5)
    assert network.transform.std == (0.1, 0.2, 0.3)
    assert get_model("another", width=5).settings["width"] == 5


def test_a_name_is_taken_once():
    with pytest.raises(ValueError, match="'dlheir' is registered already"):
        register_model("dlheir")(lambda: None)
