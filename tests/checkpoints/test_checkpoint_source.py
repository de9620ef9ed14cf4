"""From a name to a verified file, without a network."""

import shutil
from pathlib import Path

import pytest
from command_line import snapshot
from made_registry import NAME, made_entry, made_registry

from dlheir.checkpoints import Source, locate
from dlheir.checkpoints import source as source_module
from dlheir.errors import InputError, WorkError


@pytest.fixture
def hosted(place, content):
    """The checkpoint's file beside the registry."""
    file = place.registry.path.parent / NAME / "model.safetensors"
    file.parent.mkdir()
    file.write_bytes(content)
    return file


@pytest.fixture
def in_environment(place, monkeypatch):
    monkeypatch.setenv("DLHEIR_REGISTRY", str(place.registry.path))


def test_file_beside_the_registry_is_used_in_place(place, hosted):
    assert Source.of(place.registry.path).fetch(NAME) == hosted
    assert not place.cache.exists()


@pytest.mark.parametrize("form", ["{}", "{}/", "file://{}", "file://localhost{}"])
def test_base_is_a_folder_on_this_machine(place, hosted, tmp_path, form):
    mirror = tmp_path / "a mirror"
    shutil.move(hosted.parent.parent, mirror)
    base = form.format(mirror)
    for offline in (False, True):
        fetched = Source(place.registry, base, offline).fetch(NAME)
        assert fetched == mirror / NAME / "model.safetensors"
    assert not place.cache.exists()


def test_file_urls_may_be_quoted(place, hosted, tmp_path):
    mirror = tmp_path / "a mirror"
    shutil.move(hosted.parent.parent, mirror)
    assert Source(place.registry, mirror.as_uri(), True).fetch(NAME).is_relative_to(mirror)


def test_absolute_url_needs_no_base(place, tmp_path, content):
    (tmp_path / "w.safetensors").write_bytes(content)
    entry = made_entry(content, url=f"file://{tmp_path}/w.safetensors")
    registry = made_registry(place.registry.path, entry)
    assert Source(registry, "/nowhere", True).fetch(NAME) == tmp_path / "w.safetensors"


def test_another_machines_file_url(place):
    with pytest.raises(InputError, match=r"file://host/x/.* names another machine"):
        Source(place.registry, "file://host/x", False).fetch(NAME)


def test_a_changed_byte_is_noticed_each_time(place, hosted, content):
    source = Source.of(place.registry.path)
    source.fetch(NAME)
    for at in (0, len(content) // 2, len(content) - 1):
        changed = bytearray(content)
        changed[at] ^= 1
        hosted.write_bytes(changed)
        with pytest.raises(WorkError, match=f"checkpoint {NAME}: {hosted} is not the file"):
            source.fetch(NAME)
    hosted.write_bytes(content)
    source.fetch(NAME)


def test_missing_file(place):
    with pytest.raises(InputError, match=f"checkpoint {NAME}: no file .*{NAME}/model.*--base"):
        Source.of(place.registry.path).fetch(NAME)


def test_not_hosted_yet(place, content):
    registry = made_registry(place.registry.path, made_entry(content, url=None))
    with pytest.raises(InputError, match=f"checkpoint {NAME}: not hosted yet"):
        Source.of(registry.path).fetch(NAME)


def test_offline_takes_the_cache_and_asks_nobody(place, source, server):
    online, offline = source(), source(offline=True)
    with pytest.raises(WorkError, match=f"checkpoint {NAME}: not in the cache, .* offline"):
        offline.fetch(NAME)
    assert server.requests == []
    assert not place.cache.exists()
    assert online.fetch(NAME) == place.file
    assert len(server.requests) == 1
    before = snapshot(place.cache)
    assert offline.fetch(NAME) == online.fetch(NAME) == place.file
    assert len(server.requests) == 1
    assert snapshot(place.cache) == before


def test_damaged_cache(place, source, server, content, capfd):
    source().fetch(NAME)
    place.file.write_bytes(content[:-1] + b"x")
    with pytest.raises(WorkError, match=f"{place.file} is damaged, and this is offline"):
        source(offline=True).fetch(NAME)
    assert source().fetch(NAME).read_bytes() == content
    assert f"{place.file} is damaged; it is downloaded again" in capfd.readouterr().err
    assert len(server.requests) == 2


def test_damaged_cache_that_cannot_be_replaced_is_removed(place, source, server, content):
    source().fetch(NAME)
    place.file.write_bytes(b"x")
    server.content = b"x"
    with pytest.raises(WorkError):
        source().fetch(NAME)
    assert not place.file.exists()


@pytest.mark.parametrize(
    ("value", "offline"), [("", False), ("0", False), ("no", False), ("1", True), ("True", True)]
)
def test_environment(place, monkeypatch, value, offline):
    monkeypatch.setenv("DLHEIR_REGISTRY", str(place.registry.path))
    monkeypatch.setenv("DLHEIR_CHECKPOINTS_BASE", "s3://bucket")
    monkeypatch.setenv("DLHEIR_OFFLINE", value)
    source = Source.of()
    assert source.registry == place.registry
    assert (source.base, source.offline) == ("s3://bucket", offline)
    given = Source.of(base="elsewhere", offline=not offline)
    assert (given.base, given.offline) == ("elsewhere", not offline)


def test_switch_that_is_none(place, monkeypatch):
    monkeypatch.setenv("DLHEIR_OFFLINE", "perhaps")
    with pytest.raises(InputError, match="DLHEIR_OFFLINE is 'perhaps'; give 1"):
        Source.of(place.registry.path)


def test_publishing_elsewhere_changes_one_line(place, monkeypatch):
    assert Source.of(place.registry.path).base == str(place.registry.path.parent)
    monkeypatch.setattr(source_module, "BASE", "https://example.org/checkpoints")
    assert Source.of(place.registry.path).base == "https://example.org/checkpoints"
    monkeypatch.setenv("DLHEIR_CHECKPOINTS_BASE", "mirror")
    assert Source.of(place.registry.path).base == "mirror"


@pytest.mark.usefixtures("in_environment")
def test_registered_name_wins_over_a_file(hosted, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert locate(NAME) == hosted
    (tmp_path / NAME).write_text("another")
    assert locate(NAME) == hosted
    assert locate(f"./{NAME}").read_text() == "another"
    assert locate(Path(NAME)).read_text() == "another"


@pytest.mark.usefixtures("in_environment")
def test_file_is_taken_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for given in ("last.ckpt", "folder/last.ckpt", tmp_path / "last.ckpt"):
        Path(given).parent.mkdir(exist_ok=True)
        Path(given).touch()
        assert locate(given) == Path(given)


@pytest.mark.usefixtures("in_environment")
def test_neither_name_nor_file(tmp_path):
    mistyped = NAME.replace("made", "maid")
    with pytest.raises(
        InputError,
        match=f"^{mistyped}: no such checkpoint file, and no checkpoint "
        f"of that name; did you mean {NAME}",
    ):
        locate(mistyped)
    with pytest.raises(InputError, match=r"^folder/x: no such checkpoint file$"):
        locate("folder/x")
    with pytest.raises(InputError, match=f"^{tmp_path}: is a folder$"):
        locate(tmp_path)


def test_path_needs_no_registry(tmp_path, monkeypatch):
    monkeypatch.setenv("DLHEIR_REGISTRY", str(tmp_path / "none.json"))
    (tmp_path / "x.ckpt").touch()
    assert locate(str(tmp_path / "x.ckpt")) == locate(tmp_path / "x.ckpt")
