"""Golden codes: how they are written, and what they forgive."""

import copy

import numpy as np
import pytest
import torch

from dlheir import get_model
from dlheir.checkpoints.golden import golden_pictures
from dlheir.errors import InputError, WorkError
from dlheir.models import PictureTransform
from dlheir.publishing import golden
from dlheir.publishing.golden import check_golden, code_text, golden_codes

BITS = 13


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return get_model("dlheir_nano", bits=BITS, num_classes=3, image_size=32).eval()


def test_codes_are_written_first_bit_first():
    assert code_text(np.array([1, 0, 0, 1, 0, 1], dtype=np.uint8)) == "94"
    assert code_text(np.ones(12, dtype=np.uint8)) == "fff"
    for bits in (1, 12, 13, 48):
        code = np.random.default_rng(bits).integers(0, 2, bits).astype(np.uint8)
        assert golden._bits_of(code_text(code), bits).tolist() == code.tolist()


def test_what_was_written_is_found_again(network):
    written = golden_codes(network)
    assert len(written["codes"]) == 16
    agreement = check_golden("a.b", network, written)
    assert agreement == (16 * BITS, 0)


def test_they_are_the_network_s_codes(network):
    (path, *_) = golden_pictures()
    assert isinstance(network.transform, PictureTransform)
    expected = network.codes(network.transform(path).unsqueeze(0)).numpy()[0]
    assert golden_codes(network)["codes"][path.name] == code_text(expected)


def moved(network, to):
    """The network with the threshold of one bit so far from the first picture's activation."""
    other = copy.deepcopy(network)
    with torch.no_grad():
        (path, *_) = golden_pictures()
        activation = other.activations(other.transform(path).unsqueeze(0))[0, 0]
        other.threshold[0] = activation + to
    return other


def test_rounding_is_forgiven_and_counted(network):
    above, below = moved(network, 0.3e-4), moved(network, -0.3e-4)
    assert check_golden("a.b", below, golden_codes(above)).flipped == 1


def test_more_than_rounding_is_not(network):
    above, below = moved(network, 3e-4), moved(network, -3e-4)
    with pytest.raises(WorkError, match=r"^a\.b: \d+ of 16 golden codes are others"):
        check_golden("a.b", below, golden_codes(above))


def test_codes_of_another_length_and_missing_ones(network):
    written = golden_codes(network)
    name = next(iter(written["codes"]))
    for codes in ({**written["codes"], name: "f"}, dict.fromkeys(("a", "b"), "ffff")):
        with pytest.raises(WorkError, match=rf"^a\.b: its golden codes are not of {BITS} bits"):
            check_golden("a.b", network, {**written, "codes": codes})


def test_other_pictures(network):
    written = golden_codes(network)
    with pytest.raises(InputError, match=r"^a\.b: its golden codes are of other pictures"):
        check_golden("a.b", network, {**written, "pictures_sha256": "0" * 64})
