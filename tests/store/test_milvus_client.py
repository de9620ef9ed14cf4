"""The way to a Milvus server: URLs, credentials, missing packages, errors."""

import logging
import socket
import sys
from types import SimpleNamespace

import pytest

from dlheir.errors import InputError
from dlheir.store.errors import StoreError
from dlheir.store.milvus_client import connect, one_line_errors


@pytest.fixture
def connections(monkeypatch):
    """Record what pymilvus is told, without it."""
    made = []

    class RpcError(Exception):
        pass

    stand_in = SimpleNamespace(
        MilvusClient=lambda **settings: made.append(settings), MilvusException=RpcError
    )
    monkeypatch.setitem(sys.modules, "pymilvus", stand_in)
    monkeypatch.setitem(sys.modules, "grpc", SimpleNamespace(RpcError=RpcError))
    return made


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://host:19530", ("http://host:19530", "of the environment", "")),
        ("https://ann:p%40ss@host:1/pictures", ("https://host:1", "ann:p@ss", "pictures")),
        ("http://key@[::1]:19530/", ("http://[::1]:19530", "key", "")),
    ],
)
def test_a_url_holds_credentials_and_database(connections, monkeypatch, url, expected):
    monkeypatch.setenv("MILVUS_TOKEN", "of the environment")
    connect(url)
    assert connections == [dict(zip(("uri", "token", "db_name"), expected, strict=True))]


@pytest.mark.parametrize("path", ["index.db", "/folder with spaces/a-b_c.1.db", 33 * "x" + ".db"])
def test_a_file_is_for_milvus_lite(connections, monkeypatch, path):
    monkeypatch.setitem(sys.modules, "milvus_lite", SimpleNamespace())
    connect(path)
    assert connections == [{"uri": path}]


@pytest.mark.parametrize(
    "url",
    [
        *("", "host:19530", "pictures.sqlite", "a b.db", 34 * "x" + ".db", "ftp://host", "http://"),
        *("http://ann:secret@host:port", "http://host:0", "http://host:70000", "http://[::1"),
    ],
)
def test_what_is_no_server_is_refused(connections, url):
    with pytest.raises(InputError, match="no Milvus server; give http://HOST:19530") as error:
        connect(url)
    assert "secret" not in str(error.value)
    assert connections == []


def test_a_server_that_is_not_there_is_named_without_the_password(capfd):
    pytest.importorskip("pymilvus", reason="needs pymilvus: pip install 'dlheir[test]'")
    with socket.create_server(("localhost", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(StoreError, match=f"^http://localhost:{port}: ") as error:
        connect(f"http://ann:secret@localhost:{port}")
    assert "secret" not in str(error.value)
    assert "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")


def test_errors_become_one_line():
    pymilvus = pytest.importorskip("pymilvus", reason="needs pymilvus: pip install 'dlheir[test]'")
    import grpc

    class Unavailable(grpc.RpcError):
        def code(self):
            return grpc.StatusCode.UNAVAILABLE

        def details(self):
            return "gone"

    with pytest.raises(StoreError, match=r"^there: UNAVAILABLE gone$"), one_line_errors("there"):
        raise Unavailable
    with pytest.raises(StoreError, match=r"^there: one two$"), one_line_errors("there"):
        raise pymilvus.MilvusException(message="one\n  two")
    with pytest.raises(KeyError), one_line_errors("there"):
        raise KeyError


def test_pymilvus_does_not_log_what_is_raised(connections):
    logging.getLogger("pymilvus").setLevel(logging.NOTSET)
    connect("http://host")
    assert not logging.getLogger("pymilvus.decorators").isEnabledFor(logging.ERROR)


@pytest.mark.parametrize(
    ("missing", "url", "advice"),
    [
        ("pymilvus", "http://ann:secret@host", r"^http://host: .*'dlheir\[milvus\]'"),
        ("milvus_lite", "index.db", "milvus-lite==2.5.1"),
    ],
)
def test_missing_packages_are_named(connections, monkeypatch, missing, url, advice):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(InputError, match=advice):
        connect(url)
