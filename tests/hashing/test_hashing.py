"""From pictures to codes: by which network, in which precision, and what becomes of bad files."""

import argparse
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from registered import registered

from dlheir.data.gallery import write_pictures
from dlheir.errors import InputError
from dlheir.files import sha256_of_file
from dlheir.hashing import PRECISIONS, TorchHasher, hash_pictures, open_hasher
from dlheir.models import get_model, load_checkpoint
from dlheir.models.published import write_published
from dlheir.store.owner import Picture
from dlheir.store_commands.arguments import add_precision

NAME = "dlheir_nano.gallery_24b"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    root = tmp_path_factory.mktemp("gallery")
    write_pictures(root, pictures_per_class=3, size=64)
    return [Picture(path.name, path) for path in sorted(root.rglob("*.png"))][:60]


@pytest.fixture(scope="module")
def checkpoint(pictures, tmp_path_factory):
    """A published network with batch norms that fit the pictures, as training leaves them."""
    torch.manual_seed(0)
    network = get_model("dlheir_nano", bits=24, num_classes=3, image_size=64)
    images = torch.stack([network.transform(picture.source) for picture in pictures])
    with torch.no_grad():
        for _ in range(30):
            network(images)
        network.threshold.copy_(network.eval().activations(images).median(dim=0).values)
    path = tmp_path_factory.mktemp("published") / "model.safetensors"
    write_published(path, network.settings, network.state_dict(), {})
    return path


def margins_of(checkpoint, pictures):
    """How far activations lie above their thresholds; one by one, by the network itself."""
    network = load_checkpoint(checkpoint)
    with torch.no_grad():
        images = [network.transform(picture.source).unsqueeze(0) for picture in pictures]
        activations = torch.cat([network.activations(image) for image in images])
        return (activations - network.threshold).numpy()


def test_codes_are_the_networks(checkpoint, pictures):
    hasher = TorchHasher(checkpoint)
    hashed = hash_pictures(hasher, pictures)
    margins = margins_of(checkpoint, pictures)
    clear = np.abs(margins) > 1e-5  # sums in another order round otherwise
    assert clear.mean() > 0.9
    assert np.array_equal(hashed.codes[clear], (margins >= 0)[clear])
    assert hashed.codes.dtype == np.uint8
    assert 0.1 < hashed.codes.mean() < 0.9
    assert hashed.unreadable == []
    assert hashed.pictures == [Picture(p.name, p.source.read_bytes()) for p in pictures]


def test_what_a_hasher_says_of_itself(checkpoint):
    hasher = TorchHasher(checkpoint, "bf16")
    assert hasher.precision == "bf16"
    assert hasher.bits == 24
    assert hasher.transform == load_checkpoint(checkpoint).transform
    assert hasher.checkpoint_sha256 == sha256_of_file(checkpoint)


def test_bf16_changes_few_bits_and_those_near_the_threshold(checkpoint, pictures):
    exact = hash_pictures(TorchHasher(checkpoint), pictures).codes
    rough = hash_pictures(TorchHasher(checkpoint, "bf16"), pictures).codes
    flipped = exact != rough
    assert 0 < flipped.mean() < 0.1
    margins = np.abs(margins_of(checkpoint, pictures))
    assert margins[flipped].max() < np.median(margins)


def test_bf16_leaves_the_hash_layer_whole(checkpoint, monkeypatch):
    seen = []
    hasher = TorchHasher(checkpoint, "bf16")
    layer = hasher._network.hash_layer
    for module in (layer, layer.conv):
        module.register_forward_hook(lambda _, taken, made: seen.append((*taken, made)))
    hasher._network.tail.register_forward_hook(lambda _, taken, made: seen.append((made,)))
    hasher.codes(torch.zeros(1, 3, 64, 64, dtype=torch.uint8))
    trunk, *whole = seen
    assert trunk[0].dtype == torch.bfloat16
    assert whole
    assert all(values.dtype == torch.float32 for pair in whole for values in pair)


def test_other_precisions_are_refused(checkpoint):
    with pytest.raises(InputError, match="one of fp32, bf16, not 'fp8'"):
        TorchHasher(checkpoint, "fp8")


def test_the_command_line_offers_the_same_precisions():
    parser = argparse.ArgumentParser()
    add_precision(parser)
    (action,) = (action for action in parser._actions if action.dest == "precision")
    assert tuple(action.choices) == PRECISIONS


def test_unreadable_pictures_are_named_and_the_others_hashed(checkpoint, pictures, tmp_path):
    cut = tmp_path / "cut.png"
    cut.write_bytes(pictures[0].source.read_bytes()[:200])
    given = [
        Picture("none", tmp_path / "none.png"),
        *pictures[:20],
        Picture("cut", cut),
        Picture("bytes", pictures[20].source.read_bytes()),
    ]
    hashed = hash_pictures(TorchHasher(checkpoint), given)
    assert [picture.name for picture in hashed.pictures] == [
        *(picture.name for picture in pictures[:20]),
        "bytes",
    ]
    assert len(hashed.codes) == 21
    assert [str(error).split(": ")[0] for error in hashed.unreadable] == [
        str(tmp_path / "none.png"),
        str(cut),
    ]


def test_no_pictures_have_no_codes(checkpoint):
    assert hash_pictures(TorchHasher(checkpoint), []).codes.shape == (0, 24)


def test_opened_by_name_or_path(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("DLHEIR_REGISTRY", str(registered(tmp_path, NAME, checkpoint)))
    for named in (NAME, str(checkpoint)):
        hasher = open_hasher(named, "bf16")
        assert isinstance(hasher, TorchHasher)
        assert hasher.precision == "bf16"
        assert hasher.checkpoint_sha256 == sha256_of_file(checkpoint)


def test_exported_files_have_a_precision_of_their_own(tmp_path, monkeypatch):
    path = tmp_path / "int8.onnx"
    path.write_bytes(b"")
    opened = SimpleNamespace(precision="int8")
    monkeypatch.setattr("dlheir.hashing.opening.OnnxHasher", lambda given: (given, opened)[1])
    assert open_hasher(str(path)) is opened
    assert open_hasher(str(path), "int8") is opened
    with pytest.raises(InputError, match=r"int8\.onnx: was exported in int8; .* bf16"):
        open_hasher(str(path), "bf16")
