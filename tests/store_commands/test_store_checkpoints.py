"""A store's network by name, as a published file or exported, and in another precision."""

import numpy as np
import pytest
import torch
from registered import registered

from dlheir.export import export_onnx, golden_levels
from dlheir.files import sha256_of_file
from dlheir.hashing import TorchHasher, hash_pictures
from dlheir.models import get_model, load_checkpoint
from dlheir.models.published import write_published
from dlheir.store import QueryUser
from dlheir.store.owner import Picture

NAME = "dlheir_nano.desk_24b"
SETTINGS = {"name": "dlheir_nano", "bits": 24, "num_classes": 3, "image_size": 32}


@pytest.fixture(scope="module")
def published(pictures, tmp_path_factory):
    """A network whose thresholds lie among the activations, so that bf16 turns bits."""
    torch.manual_seed(0)
    network = get_model(**SETTINGS)
    images = torch.stack([network.transform(path) for path in sorted(pictures.rglob("*.png"))])
    with torch.no_grad():
        for _ in range(40):
            network(images)
        network.threshold.copy_(network.eval().activations(images).median(dim=0).values)
    path = tmp_path_factory.mktemp("published") / "model.safetensors"
    write_published(path, network.settings, network.state_dict(), {})
    return path


@pytest.fixture(scope="module")
def exported(published):
    network = load_checkpoint(published)
    path = published.with_name("model.onnx")
    export_onnx(
        network,
        path,
        checkpoint_sha256=sha256_of_file(published),
        levels=golden_levels(network.transform),
    )
    return path


@pytest.fixture
def named(desk, published, monkeypatch):
    """The desk's owner uses a checkpoint of a registry, by its name."""
    monkeypatch.setenv("DLHEIR_REGISTRY", str(registered(desk.home / "registry", NAME, published)))
    monkeypatch.setenv("DLHEIR_CHECKPOINT", NAME)
    return desk


def test_a_name_its_file_and_its_export_are_one_network(named, published, exported):
    named.fill("--codes", "plain")
    by_name = named.search("name").ranking
    assert by_name[0] == ("fish_banded/3.png", 0)
    for checkpoint in (published, exported):
        assert named.search(checkpoint.suffix[1:], "--checkpoint", checkpoint).ranking == by_name
    more = ("add", named.store, named.query, "--keys", named.keys, "--checkpoint", exported)
    assert "1 added" in named.run(*more).out
    assert named.search("copy").ranking[:2] in (
        [("3.png", 0), ("fish_banded/3.png", 0)],
        [("fish_banded/3.png", 0), ("3.png", 0)],
    )


@pytest.mark.parametrize(("mode", "warned"), [("client", False), ("keyed", True), ("plain", False)])
def test_keyed_codes_of_a_published_network_are_warned_of(named, published, mode, warned):
    warning = f"{NAME} is published"
    said = named.init("--codes", mode, "--checkpoint", published).err
    assert (warning in said) == warned


def test_an_export_alone_makes_a_store(named, exported):
    named.init("--codes", "plain", "--checkpoint", exported)
    named.run("add", named.store, named.pictures, "--keys", named.keys)
    assert named.search("name").ranking[0] == ("fish_banded/3.png", 0)


def codes_asked_for(monkeypatch):
    """Keep the codes that searches send."""
    seen, search = [], QueryUser.search

    def spy(user, codes, *arguments):
        seen.append(codes[0])
        return search(user, codes, *arguments)

    monkeypatch.setattr(QueryUser, "search", spy)
    return seen


def test_precision_is_the_hashers(named, published, monkeypatch):
    asked = codes_asked_for(monkeypatch)
    named.fill("--codes", "plain")
    turning, expected = next(
        (path, codes)
        for path in sorted(named.pictures.rglob("*.png"))
        for codes in [codes_of(published, path)]
        if (codes["fp32"] != codes["bf16"]).any()
    )
    query = ("--query", turning)
    named.search("exact", *query, "--precision", "fp32")
    named.search("unsaid", *query)
    named.search("rough", *query, "--precision", "bf16")
    assert np.array_equal(asked[0], expected["fp32"])
    assert np.array_equal(asked[1], expected["fp32"])
    assert np.array_equal(asked[2], expected["bf16"])


def codes_of(checkpoint, path):
    return {
        precision: hash_pictures(TorchHasher(checkpoint, precision), [Picture("", path)]).codes[0]
        for precision in ("fp32", "bf16")
    }


def test_codes_of_the_store_are_of_the_precision_asked_for(named, published):
    """With bf16 for all, a picture that bf16 turns bits of is found at distance 0 again."""
    named.init("--codes", "plain")
    added = ("add", named.store, named.pictures, "--keys", named.keys, "--precision", "bf16")
    assert "30 added" in named.run(*added).out
    turning = next(
        path
        for path in sorted(named.pictures.rglob("*.png"))
        if (codes := codes_of(published, path)) and (codes["fp32"] != codes["bf16"]).any()
    )
    answers = named.search("rough", "--query", turning, "--precision", "bf16")
    place = turning.relative_to(named.pictures).as_posix()
    assert dict(answers.ranking)[place] == 0
    answers = named.search("exact", "--query", turning, k=30)
    assert dict(answers.ranking)[place] > 0


def search(desk, *arguments, code=2):
    given = ("search", desk.store, "--query", desk.query, "--out", "no", "--keys", desk.keys)
    line = desk.run(*given, *arguments, code=code).err
    assert not (desk.home / "no").exists()
    return line


def test_what_is_refused(named, published, exported, tmp_path):
    named.fill("--codes", "plain")
    assert "invalid choice: 'fp16'" in search(named, "--precision", "fp16")
    line = search(named, "--checkpoint", exported, "--precision", "bf16")
    assert f"{exported}: was exported in fp32; leave out the precision bf16" in line
    assert f"did you mean {NAME}?" in search(named, "--checkpoint", "dlheir_nano.desk_42b")

    other = tmp_path / "other.onnx"
    network = load_checkpoint(published)
    levels = golden_levels(network.transform)
    export_onnx(network, other, checkpoint_sha256="0" * 64, levels=levels)
    line = search(named, "--checkpoint", other)
    assert f"{other}: not the network that made this store's codes" in line
    assert f"give the file with SHA-256 {sha256_of_file(published)}" in line


def test_a_damaged_file_of_a_name_hashes_nothing(named, published):
    named.fill("--codes", "plain")
    file = named.home / "registry" / NAME / "model.safetensors"
    file.write_bytes(published.read_bytes()[:-1] + b"x")
    line = search(named, code=1)
    assert f"checkpoint {NAME}: {file} is not the file that the registry means" in line
