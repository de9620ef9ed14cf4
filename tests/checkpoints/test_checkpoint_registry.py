"""registry.json: read, written, searched."""

import json

import jsonschema
import pytest
from made_registry import NAME, made_entry, made_registry

import dlheir
from dlheir.checkpoints import Entry, read_registry, write_registry
from dlheir.errors import InputError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "registry.json"


def test_what_is_written_is_read(path):
    b, a = made_entry(b"b", "b.x", model="dlheir"), made_entry(b"a", "a.x", bits=12, url=None)
    write_registry(path, {"b.x": b, "a.x": a})
    registry = read_registry(path)
    assert registry.path == path
    assert registry.entries == {"a.x": a, "b.x": b}
    assert list(registry.entries) == list(json.loads(path.read_text())["checkpoints"])
    assert list(registry.entries) == ["a.x", "b.x"]
    entry = registry.find("b.x")
    assert (entry.model, entry.bits, entry.image_size, entry.size) == ("dlheir", 48, 224, 1)
    assert entry.url == "b.x/model.safetensors"
    assert entry.sha256 == made_entry(b"b").facts["sha256"]
    assert registry.find("a.x").url is None


def test_names_are_listed_of_the_registry_in_use(path, monkeypatch):
    made_registry(path, made_entry(b"x", "b.x"), made_entry(b"x", "a.x", url=None))
    monkeypatch.setenv("DLHEIR_REGISTRY", str(path))
    assert dlheir.list_checkpoints() == ["a.x", "b.x"]


def test_wrong_facts_are_not_written(path):
    made_registry(path, made_entry(b"x"))
    before = path.read_bytes()
    with pytest.raises(jsonschema.ValidationError):
        write_registry(path, {NAME: Entry(NAME, {"url": "somewhere"})})
    with pytest.raises(jsonschema.ValidationError):
        write_registry(path, {"../up": made_entry(b"x", "../up")})
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_unknown_name_gets_the_closest_one(path):
    registry = made_registry(path, made_entry(b"x"), made_entry(b"x", "other.thing"))
    with pytest.raises(InputError, match=f"^dlheir_nan.made_48b: .*{path}; did you mean {NAME}"):
        registry.find("dlheir_nan.made_48b")
    with pytest.raises(InputError, match=r"in \S+; `dlheir checkpoints list` shows"):
        registry.find("quite.different-42")


def test_missing(tmp_path):
    for path in (tmp_path / "none.json", tmp_path, tmp_path / "none" / "registry.json"):
        with pytest.raises(InputError, match=f"^{path}: no registry .* --registry"):
            read_registry(path)


@pytest.mark.parametrize("text", ["", "{", "\x00", '{"schema": 1, "checkpoi'])
def test_damaged(path, text):
    path.write_text(text)
    with pytest.raises(InputError, match=f"^{path}: a damaged registry"):
        read_registry(path)


@pytest.mark.parametrize(
    ("where", "value", "named"),
    [
        (["schema"], 2, r"\$.schema"),
        (["checkpoints", NAME, "sha256"], "abc", rf"\$.checkpoints.*{NAME}.*sha256"),
        (["checkpoints", NAME, "size"], -1, "size"),
        (["checkpoints"], [], "checkpoints"),
    ],
)
def test_of_another_schema(path, where, value, named):
    made_registry(path, made_entry(b"x"))
    content = json.loads(path.read_text())
    inner = content
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = value
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=f"^{path}: not a registry .*{named}"):
        read_registry(path)


def test_names_lead_nowhere(path):
    """They become names of folders in the cache."""
    made_registry(path, made_entry(b"x"))
    for name in ("../up.x", "a/b.x", ".hidden", "no_tag", "a..b"):
        path.write_text(path.read_text().replace(NAME, name))
        with pytest.raises(InputError):
            read_registry(path)
        made_registry(path, made_entry(b"x"))


def test_environment_names_another(path, monkeypatch):
    monkeypatch.delenv("DLHEIR_REGISTRY", raising=False)
    own = read_registry()
    assert own.path.parent.name in {"checkpoints", "_checkpoints"}
    made_registry(path, made_entry(b"x"))
    monkeypatch.setenv("DLHEIR_REGISTRY", str(path))
    assert list(read_registry().entries) == [NAME]
    assert read_registry(own.path).entries == own.entries  # what is given, wins
