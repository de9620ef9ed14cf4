"""Published files: half as large, exactly rebuilt, and one line about each that is none."""

import json
import pickle
import subprocess
import sys

import pytest
import torch
from command_line import clean_environment
from registered import registered
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from dlheir.errors import InputError, WorkError
from dlheir.models import get_model, list_models, load_checkpoint
from dlheir.models.published import KEY, read_published, write_published

SETTINGS = {"name": "dlheir_nano", "bits": 12, "num_classes": 3, "image_size": 64}
ABOUT = {"run_id": "a run", "objective": "cross_entropy"}
NAME = "dlheir_nano.noise_12b"


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    network = get_model(**SETTINGS, resize="crop", replace_last=2)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    network.threshold.uniform_()
    return network.eval()


@pytest.fixture(scope="module")
def original(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("published") / "model.safetensors"
    write_published(path, network.settings, network.state_dict(), ABOUT)
    return path


@pytest.fixture
def file(original, tmp_path):
    """A copy to change."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(original.read_bytes())
    return path


def message_of(function, *arguments, kind=InputError, **options):
    with pytest.raises(kind) as caught:
        function(*arguments, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def metadata_of(path):
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()[KEY])


def rewritten(path, change=lambda said, tensors: None, **metadata):
    """Change what a file says or holds, its digest included, as another program would write it."""
    said, tensors = metadata_of(path), load_file(path)
    del said["sha256"]
    change(said, tensors)
    schema = said.get("schema")
    write_published(path, said.pop("network", {}), tensors, said)
    if schema != 1 or "network" not in metadata_of(path) or metadata:
        save_file(load_file(path), path, metadata or {KEY: json.dumps(said | {"schema": schema})})
    return path


# ------------------------------------------------------------------------------------ what is in it


def test_network_is_rebuilt_from_the_file_alone(network, original):
    loaded = load_checkpoint(original)
    assert not loaded.training
    assert loaded.settings == network.settings
    assert loaded.transform == network.transform
    state = network.state_dict()
    for key, value in loaded.state_dict().items():
        expected = state[key]
        if key.endswith("num_batches_tracked"):
            expected = torch.tensor(0)
        elif value.ndim > 1:
            expected = expected.half().float()
        assert value.dtype == expected.dtype
        assert torch.equal(value, expected), key


def test_weights_are_half_and_all_else_is_whole(network, original):
    held = load_file(original)
    counters = {key for key in network.state_dict() if key.endswith("num_batches_tracked")}
    assert counters
    assert held.keys() == network.state_dict().keys() - counters
    for key, value in held.items():
        assert value.dtype == (torch.float16 if value.ndim > 1 else torch.float32), key


def test_codes_hardly_change(network, original):
    torch.manual_seed(1)
    images = torch.randn(8, 3, 64, 64)
    with torch.no_grad():
        gap = network.activations(images) - load_checkpoint(original).activations(images)
    assert 0 < gap.abs().max() < 1e-2


def test_same_network_same_bytes(network, original, tmp_path):
    """In another process too, whose dictionaries are in another order."""
    backwards = dict(reversed(network.state_dict().items()))
    settings = dict(reversed(network.settings.items()))
    again = tmp_path / "again.safetensors"
    write_published(again, settings, backwards, ABOUT)
    assert again.read_bytes() == original.read_bytes()
    script = (
        "import sys; from pathlib import Path; from dlheir.models.published import *\n"
        "trained = read_published(Path(sys.argv[1]))\n"
        f"write_published(Path(sys.argv[2]), trained.settings, trained.state, {ABOUT})"
    )
    subprocess.run(
        [sys.executable, "-c", script, original, again],
        check=True,
        env=clean_environment(tmp_path) | {"PYTHONHASHSEED": "7"},
    )
    assert again.read_bytes() == original.read_bytes()


def test_what_it_says_of_itself(network, original):
    with safe_open(original, "pt") as file:
        assert file.metadata().keys() == {KEY}
    said = metadata_of(original)
    assert said.pop("sha256")
    assert said == ABOUT | {"schema": 1, "network": network.settings}


def test_values_that_are_no_floats_stay_as_they_are(tmp_path):
    """A class code's centres are bits; swin has a table of positions."""
    network = get_model(**SETTINGS | {"bits": 2}, tail="none", head="class_code")
    path = tmp_path / "model.safetensors"
    write_published(path, network.settings, network.state_dict(), {})
    centres = load_checkpoint(path).hash_layer.centres
    assert centres.dtype == network.hash_layer.centres.dtype == torch.uint8
    assert torch.equal(centres, network.hash_layer.centres)


@pytest.mark.parametrize("value", [1e6, float("inf"), float("nan")])
def test_values_that_half_precision_cannot_hold_are_refused(network, tmp_path, value):
    state = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    state["classifier.weight"][1, 2] = value
    path = tmp_path / "model.safetensors"
    message = message_of(write_published, path, network.settings, state, {})
    assert "classifier.weight" in message
    assert "float16 cannot hold" in message
    assert not list(tmp_path.iterdir())


def test_large_values_of_one_dimension_are_whole(network, file):
    state = network.state_dict() | {"classifier.bias": torch.tensor([1e6, 1, 2])}
    write_published(file, network.settings, state, {})
    assert load_checkpoint(file).classifier.bias.tolist() == [1e6, 1, 2]


@pytest.mark.soak
@pytest.mark.parametrize("name", list_models())
def test_every_model_is_rebuilt(name, tmp_path):
    network = get_model(name, bits=8, num_classes=3)
    path = tmp_path / "model.safetensors"
    write_published(path, network.settings, network.state_dict(), {})
    loaded = load_checkpoint(path)
    assert loaded.settings == network.settings
    assert path.stat().st_size < 0.6 * 4 * sum(v.numel() for v in network.state_dict().values())


# ------------------------------------------------------------------------------ how it is asked for


def test_weights_of_get_model(network, original):
    filled = get_model(**SETTINGS | {"image_size": 96}, replace_last=2, weights=original)
    assert filled.settings["image_size"] == 96
    assert torch.equal(filled.threshold, network.threshold)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"bits": 24}, "has bits 12, not 24 as asked for"),
        ({"num_classes": 4}, "has num_classes 3, not 4 as asked for"),
        ({"name": "mobilenet_v2"}, "holds model 'dlheir_nano', not 'mobilenet_v2' as asked for"),
    ],
)
def test_weights_of_another_architecture(original, asked, expected):
    options = {} if "name" in asked else {"replace_last": 2}
    message = message_of(get_model, **SETTINGS | options | asked, weights=original)
    assert message == f"checkpoint {original} {expected}"


def test_by_its_name(network, original, tmp_path, monkeypatch):
    monkeypatch.setenv("DLHEIR_REGISTRY", str(registered(tmp_path, NAME, original)))
    assert torch.equal(load_checkpoint(NAME).threshold, network.threshold)
    filled = get_model(**SETTINGS, replace_last=2, weights=NAME)
    assert torch.equal(filled.threshold, network.threshold)
    message = message_of(get_model, **SETTINGS | {"bits": 24}, replace_last=2, weights=NAME)
    assert message == f"checkpoint {NAME} has bits 12, not 24 as asked for"
    assert f"did you mean {NAME}?" in message_of(load_checkpoint, "dlheir_nano.noise_21b")


def test_a_changed_file_is_refused_by_its_name(original, tmp_path, monkeypatch):
    """Also one that is whole in itself: the registry knows its hash."""
    monkeypatch.setenv("DLHEIR_REGISTRY", str(registered(tmp_path, NAME, original)))
    path = tmp_path / NAME / "model.safetensors"
    rewritten(path, lambda said, tensors: tensors["threshold"].fill_(0.1))
    load_checkpoint(path)
    assert f"checkpoint {NAME}: " in message_of(load_checkpoint, NAME, kind=WorkError)


# ---------------------------------------------------------------------------------- what is refused


def both(path):
    """The line about a file; loading it and filling from it say the same."""
    line = message_of(load_checkpoint, path)
    assert message_of(get_model, **SETTINGS, replace_last=2, weights=path) == line
    assert str(path) in line
    return line


@pytest.mark.parametrize("content", [b"", b"dlheir", b"\x00" * 100, b"\xff" * 100])
def test_no_safetensors(file, content):
    file.write_bytes(content)
    assert "not a whole safetensors file" in both(file)


def test_pickle_is_not_run(file, tmp_path):
    class Hostile:
        def __reduce__(self):
            return (open, (str(tmp_path / "it ran"), "w"))

    file.write_bytes(pickle.dumps(Hostile()))
    assert "not a whole safetensors file" in both(file)
    torch.save({"state_dict": Hostile()}, file)
    assert "not a whole safetensors file" in both(file)
    assert not (tmp_path / "it ran").exists()


@pytest.mark.parametrize("share", [0.001, 0.5, 0.999])
def test_cut_short(file, share):
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    assert "not a whole safetensors file" in both(file)


def test_every_changed_byte_of_the_header_is_noticed(file, network):
    """Blanks apart: they pad the header, and mean nothing."""
    content = bytearray(file.read_bytes())
    length = 8 + int.from_bytes(content[:8], "little")
    whole = read_published(file)
    passed = []
    for place in range(length):
        content[place] ^= 1
        file.write_bytes(content)
        try:
            found, line = read_published(file), ""
        except InputError as error:
            line = str(error)
        if line:
            assert "\n" not in line
            assert str(file) in line
        else:
            passed.append(place)
            assert_same(found, whole)
        content[place] ^= 1
    assert len(passed) < 8


def assert_same(found, expected):
    assert found.settings == expected.settings
    assert found.state.keys() == expected.state.keys()
    for key, value in expected.state.items():
        assert torch.equal(found.state[key], value), key


def test_every_changed_byte_of_the_values_is_noticed(file):
    content = bytearray(file.read_bytes())
    start = 8 + int.from_bytes(content[:8], "little")
    for place in [start, *range(start + 1, len(content), 997), len(content) - 1]:
        content[place] ^= 1
        file.write_bytes(content)
        assert "damaged, its content is not what was written" in message_of(read_published, file)
        content[place] ^= 1
    file.write_bytes(content)
    load_checkpoint(file)


def test_anybodys_safetensors(file):
    save_file(load_file(file), file)
    assert "does not say which network it is of" in both(file)
    save_file(load_file(file), file, {"format": "pt"})
    assert "does not say which network it is of" in both(file)


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ("mobilenet", "its metadata is no JSON"),
        ("[" * 100_000, "its metadata is no JSON"),
        ("[1]", "its metadata names no schema"),
        ("{}", "its metadata names no schema"),
        ('{"schema": 2}', "of schema 2, and this dlheir reads schema 1"),
        ('{"schema": 1}', "its metadata names no network"),
        ('{"schema": 1, "network": "dlheir"}', "its metadata names no network"),
        ('{"schema": 1, "network": {"bits": 3}}', "its metadata names no network"),
        (
            '{"schema": 1, "network": {"name": "dlheir_nano"}}',
            "its content is not what was written",
        ),
        ('{"schema": 1, "network": {"name": "\\ud800"}}', "its content is not what was written"),
    ],
)
def test_metadata(file, metadata, expected):
    save_file(load_file(file), file, {KEY: metadata})
    assert expected in both(file)


def test_value_of_another_shape(file):
    def change(said, tensors):
        tensors["hash_layer.conv.bias"] = torch.zeros(13)

    rewritten(file, change)
    expected = "values of another shape (1): hash_layer.conv.bias (13,) instead of (12,)"
    assert expected in both(file)


def test_missing_value(file):
    rewritten(file, lambda said, tensors: tensors.pop("threshold"))
    assert "values missing (1): threshold" in both(file)


def test_unknown_model(file):
    rewritten(file, lambda said, tensors: said["network"].update(name="dlheir_nanno"))
    assert "unknown model 'dlheir_nanno': did you mean 'dlheir_nano'?" in both(file)


@pytest.mark.parametrize("settings", [{"bits": 0}, {"weights": "other.ckpt"}, {"replace_last": 99}])
def test_settings_that_build_nothing(file, settings):
    rewritten(file, lambda said, tensors: said["network"].update(settings))
    assert str(file) in message_of(load_checkpoint, file)


def test_other_kinds_under_this_suffix(network, tmp_path):
    """A run's checkpoint that was renamed is not read as one."""
    path = tmp_path / "last.safetensors"
    state = {f"network.{key}": value for key, value in network.state_dict().items()}
    content = {"hyper_parameters": {"network": network.settings}, "state_dict": state}
    torch.save(content, path)
    assert "not a whole safetensors file" in both(path)
    torch.save(content, path.with_suffix(".ckpt"))
    assert load_checkpoint(path.with_suffix(".ckpt")).settings == network.settings


def test_missing_file_and_folder(tmp_path):
    assert "no such" in message_of(load_checkpoint, tmp_path / "no.safetensors")
    (tmp_path / "folder.safetensors").mkdir()
    assert "is a folder" in message_of(load_checkpoint, tmp_path / "folder.safetensors")
