"""Files that are whole or absent."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlheir.files import sha256_of, sha256_of_file, write_json, written_whole


def test_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "results.json"
    with written_whole(path) as part:
        part.write_text("whole")
        assert not path.exists()
        assert part.parent == path.parent
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]


def test_failure_keeps_what_was_there(tmp_path):
    path = tmp_path / "results.json"
    path.write_text("old")

    def fail():
        with written_whole(path) as part:
            part.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_threads_may_write_the_same_file(tmp_path):
    path = tmp_path / "results.json"

    def write(text, meanwhile=lambda: None):
        with written_whole(path) as part:
            part.write_text(text)
            meanwhile()

    with ThreadPoolExecutor() as pool:
        write("first", lambda: pool.submit(write, "second").result())
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_json_that_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(TypeError):
        write_json(tmp_path / "x.json", {"a": object()})
    assert not list(tmp_path.iterdir())


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.lists(st.booleans())))
def test_json_hash_ignores_the_order_of_keys(value):
    assert sha256_of(dict(reversed(value.items()))) == sha256_of(value)
    assert sha256_of({**value, "more": 1}) != sha256_of(value) or "more" in value


def test_json_is_read_back(tmp_path):
    value = {"name": "Käse", "values": [1, 2.5, None]}
    write_json(tmp_path / "x.json", value)
    text = (tmp_path / "x.json").read_text(encoding="utf-8")
    assert json.loads(text) == value
    assert "Käse" in text


def test_known_hashes(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, B.1
    assert sha256_of_file(tmp_path / "abc") == abc
    assert sha256_of({"b": 1, "a": "ü"}) == hashlib.sha256('{"a":"ü","b":1}'.encode()).hexdigest()
