"""What tests of downloads share."""

import random
from types import SimpleNamespace

import pytest
from file_server import file_server
from made_registry import NAME, made_entry, made_registry

from dlheir.checkpoints import Source

SIZE = 300_000


@pytest.fixture
def content():
    """The bytes of a checkpoint, which nothing here looks into."""
    return random.Random(0).randbytes(SIZE)


@pytest.fixture
def server(content):
    with file_server(content) as server:
        yield server


@pytest.fixture
def place(tmp_path, monkeypatch, content):
    """A registry with one checkpoint, an empty cache, and no setting of the user's."""
    for variable in ("DLHEIR_REGISTRY", "DLHEIR_CHECKPOINTS_BASE", "DLHEIR_OFFLINE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    entry = made_entry(content)
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    registry = made_registry(folder / "registry.json", entry)
    cache = tmp_path / "cache" / "dlheir" / "checkpoints" / f"{NAME}-{entry.sha256[:8]}"
    return SimpleNamespace(
        entry=entry, registry=registry, cache=cache, file=cache / "model.safetensors"
    )


@pytest.fixture
def source(place, server):
    """Fetches from the server; impatient."""

    def source(**settings):
        given = {"base": server.url, "offline": False, "timeout": 0.5, "retries": 0}
        return Source(place.registry, **(given | settings))

    return source
