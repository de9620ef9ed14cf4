"""Checkpoints behind fsspec's URLs and in W&B artifacts."""

import io
import subprocess
import sys
from typing import ClassVar

import fsspec
import pytest
from command_line import clean_environment
from made_registry import NAME, made_entry, made_registry
from wandb_server import wandb_server

from dlheir.checkpoints import Source
from dlheir.errors import WorkError

# What a person does who puts a checkpoint there.
UPLOAD = """
import sys, wandb
with wandb.init(entity="a-team", project="zoo", mode="online") as run:
    artifact = wandb.Artifact("weights", "model")
    artifact.add_file(sys.argv[1], "model.safetensors")
    run.log_artifact(artifact)
"""


class Shaky(fsspec.AbstractFileSystem):
    """A service with one file, which breaks off `faults` times, each time at a later byte."""

    protocol = "shaky"
    content = b""
    faults, at = 0, 100_000
    read_from: ClassVar[list[int]] = []

    def info(self, path, **_):
        return {"name": path, "size": len(self.content), "type": "file"}

    def _open(self, *_, **__):
        return ShakyFile(self.content)


class ShakyFile(io.BytesIO):
    def seek(self, offset, whence=io.SEEK_SET):
        Shaky.read_from.append(offset)
        return super().seek(offset, whence)

    def read(self, size=-1):
        if Shaky.faults and self.tell() >= Shaky.at:
            Shaky.faults -= 1
            Shaky.at += 100_000
            raise OSError("the service is tired")
        return super().read(size)


@pytest.fixture
def shaky(monkeypatch, content):
    fsspec.register_implementation("shaky", Shaky, clobber=True)
    new = {"content": content, "faults": 0, "at": 100_000, "read_from": []}
    for name, value in new.items():
        monkeypatch.setattr(Shaky, name, value)
    return Shaky


def test_from_a_file_system_in_memory(place, content):
    fsspec.filesystem("memory").pipe(f"/bucket/{NAME}/model.safetensors", content)
    source = Source(place.registry, "memory://bucket", offline=False)
    assert source.fetch(NAME) == place.file
    assert place.file.read_bytes() == content
    fsspec.filesystem("memory").rm("/bucket", recursive=True)
    assert source.fetch(NAME) == place.file


def test_interrupted_service_is_gone_on_with(place, shaky, content, capfd):
    shaky.faults = 1
    Source(place.registry, "shaky://bucket", offline=False).fetch(NAME)
    assert place.file.read_bytes() == content
    first, second = shaky.read_from
    assert first == 0
    assert second >= 100_000
    assert "broke off (the service is tired); " in capfd.readouterr().err


def test_next_call_goes_on(place, shaky, content):
    shaky.faults = 1
    impatient = Source(place.registry, "shaky://bucket", offline=False, retries=0)
    with pytest.raises(WorkError, match=r"broke off \(the service is tired\); .* gave up after 1"):
        impatient.fetch(NAME)
    assert {path.name for path in place.cache.iterdir()} == {".lock", ".part"}
    assert impatient.fetch(NAME).read_bytes() == content
    assert shaky.read_from[-1] >= 100_000


@pytest.mark.parametrize("length", [299_999, 300_001])
def test_another_length(place, shaky, length):
    shaky.content = bytes(length)
    with pytest.raises(WorkError, match=f"another file: {length} bytes instead of 300000"):
        Source(place.registry, "shaky://bucket", offline=False).fetch(NAME)


def test_unreachable_service(place, shaky, monkeypatch):
    def refuse(*_, **__):
        raise TimeoutError("no answer\nin two lines")

    monkeypatch.setattr(Shaky, "info", refuse)
    with pytest.raises(WorkError, match=r"cannot be reached \(no answer in two lines\); 0 of"):
        Source(place.registry, "shaky://bucket", offline=False, retries=0).fetch(NAME)


@pytest.fixture(scope="module")
def wandb(tmp_path_factory):
    """A W&B server that has the artifact a-team/zoo/weights:v0."""
    home = tmp_path_factory.mktemp("uploader")
    (home / "w").write_bytes(b"weights" * 10_000)
    with wandb_server() as server:
        subprocess.run(
            [sys.executable, "-c", UPLOAD, home / "w"],
            env=clean_environment(home) | server.environment,
            cwd=home,
            check=True,
            capture_output=True,
        )
        yield server


@pytest.fixture
def download(tmp_path, dlheir):
    """`dlheir checkpoints download` of an artifact's file."""

    def download(url, env, content=b"weights" * 10_000):
        made_registry(tmp_path / "registry.json", made_entry(content, url=url))
        settings = {"DLHEIR_REGISTRY": str(tmp_path / "registry.json")}
        cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
        return dlheir("checkpoints", "download", NAME, env=env | settings | cache, cwd=tmp_path)

    return download


def files_in(folder):
    return {path.name for path in (folder / "cache" / "dlheir").rglob("*") if path.is_file()}


@pytest.mark.parametrize("version", ["v0", "latest"])
def test_from_an_artifact(wandb, download, tmp_path, version):
    finished = download(
        f"wandb://a-team/zoo/weights:{version}/model.safetensors", wandb.environment
    )
    assert finished.code == 0, finished.err
    assert "wandb:" not in finished.err
    (file,) = (tmp_path / "cache" / "dlheir").rglob("*.safetensors")
    assert finished.out == f"{file}\n"
    assert file.read_bytes() == b"weights" * 10_000
    assert files_in(tmp_path) == {"model.safetensors", ".lock"}
    assert [path.name for path in tmp_path.iterdir() if path.name == "wandb"] == []


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("a-team/zoo/weights:v7/model.safetensors", "cannot be had from W&B (.*v7"),
        ("a-team/zoo/weights:v0/other.bin", "cannot be had from W&B (.*other.bin"),
        ("a-team/zoo/weights/model.safetensors", "expected wandb://ENTITY/PROJECT/ARTIFACT:V"),
    ],
)
def test_artifact_that_is_not_there(wandb, download, tmp_path, path, message):
    finished = download(f"wandb://{path}", wandb.environment)
    assert finished.code == 1
    (complaint,) = finished.complaints
    assert complaint.startswith(f"dlheir: checkpoint {NAME}: wandb://{path}")
    assert all(piece in complaint for piece in message.split(".*"))
    assert files_in(tmp_path) == {".lock"}


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"x" * 70_000, "not the SHA-256 of the registry"), (b"x", "70000 bytes instead of 1")],
)
def test_artifact_with_another_file(wandb, download, tmp_path, content, message):
    url = "wandb://a-team/zoo/weights:v0/model.safetensors"
    finished = download(url, wandb.environment, content)
    assert finished.code == 1
    (complaint,) = finished.complaints
    assert f"{url} is another file: " in complaint
    assert message in complaint
    assert files_in(tmp_path) == {".lock"}
