"""`dlheir checkpoints export`."""

import numpy as np
import pytest
import torch
from exported_cases import settled
from registered import registered

from dlheir.files import sha256_of_file
from dlheir.hashing import TorchHasher, open_hasher
from dlheir.models.published import write_published

NAME = "dlheir_nano.gallery_24b"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    network = settled()
    path = tmp_path_factory.mktemp("published") / "model.safetensors"
    write_published(path, network.settings, network.state_dict(), {})
    return path


@pytest.fixture
def export(main, tmp_path, monkeypatch):
    """Run the command in an empty folder and hold it to its exit code."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def export(*arguments, code=0):
        finished = main("checkpoints", "export", *arguments)
        assert finished.code == code, finished.out + finished.err
        assert "Traceback" not in finished.err
        assert len(finished.complaints) == (1 if code else 0)
        if code:
            assert not list(folder.iterdir())
        return finished

    return export


def levels_of(transform, pictures):
    return torch.stack([transform.load(path) for path in sorted(pictures.rglob("*.png"))])


def test_registered_checkpoint_by_a_process_of_its_own(dlheir, checkpoint, pictures, tmp_path):
    registry = registered(tmp_path / "registry", NAME, checkpoint)
    finished = dlheir("checkpoints", "export", NAME, "--registry", registry, cwd=tmp_path)
    assert finished.code == 0, finished.err
    out = tmp_path / f"{NAME}.onnx"
    first, second = finished.out.splitlines()
    assert first == f"{out.name}: {out.stat().st_size:,} bytes"
    assert second.startswith("against PyTorch, on 16 painted pictures: ")
    assert "tolerance" in second
    hasher, reference = open_hasher(str(out)), TorchHasher(checkpoint)
    assert hasher.checkpoint_sha256 == sha256_of_file(checkpoint)
    levels = levels_of(reference.transform, pictures)
    assert np.array_equal(hasher.codes(levels), reference.codes(levels))


def test_checkpoint_of_a_run(export, finished_run, pictures, tmp_path):
    checkpoint = finished_run.folder / "checkpoints" / "last.ckpt"
    export(checkpoint)
    hasher, reference = open_hasher("last.onnx"), TorchHasher(checkpoint)
    assert hasher.checkpoint_sha256 == reference.checkpoint_sha256
    levels = levels_of(reference.transform, pictures)
    assert np.array_equal(hasher.codes(levels), reference.codes(levels))


def test_program(export, checkpoint):
    finished = export(checkpoint, "--format", "pt2")
    assert "against PyTorch, on 16 painted pictures: " in finished.out
    program = torch.export.load("model.pt2").module()
    reference = TorchHasher(checkpoint)
    levels = torch.zeros(3, 3, 64, 64, dtype=torch.uint8)
    assert np.array_equal(program(levels)[1].numpy(), reference.codes(levels))


def test_integers(export, checkpoint, pictures, tmp_path):
    finished = export(checkpoint, "--precision", "int8", "--calibrate", pictures)
    assert "against float32, on 16 painted pictures: " in finished.out
    assert "tolerance" not in finished.out
    hasher = open_hasher("model.int8.onnx")
    assert hasher.precision == "int8"
    assert hasher.checkpoint_sha256 == sha256_of_file(checkpoint)
    out = tmp_path / "named.onnx"
    export(checkpoint, "--precision", "int8", "--calibrate", pictures, "--out", out)
    assert out.read_bytes() == (tmp_path / "here" / "model.int8.onnx").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--precision", "int8"], "--calibrate: goes with --precision int8"),
        (["--calibrate", "."], "--calibrate: goes with --precision int8"),
        (["--format", "pt2", "--precision", "int8", "--calibrate", "."], "for --format onnx"),
        (["--precision", "int8", "--calibrate", "."], "no pictures in it"),
        (["--precision", "int8", "--calibrate", "nowhere"], "nowhere: no such picture or folder"),
        (["--out", "network.pt2"], "--out network.pt2: must end in .onnx"),
        (["--format", "pt2", "--out", "network.onnx"], "--out network.onnx: must end in .pt2"),
        (["--out", "nowhere/network.onnx"], "no folder nowhere"),
        (["--precision", "fp16"], "fp16"),
    ],
)
def test_wrong_arguments(export, checkpoint, arguments, line):
    assert line in export(checkpoint, *arguments, code=2).complaints[0]


def test_what_is_no_checkpoint(export, tmp_path):
    (tmp_path / "text.safetensors").write_text("no tensors")
    assert "text.safetensors" in export(tmp_path / "text.safetensors", code=2).complaints[0]
    assert "dlheir_nano.typo" in export("dlheir_nano.typo", code=2).complaints[0]
