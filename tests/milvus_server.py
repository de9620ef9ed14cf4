"""The Milvus server of the tests: the one that DLHEIR_MILVUS_URL names, or milvus-lite."""

import os
import socket
import time
import warnings

import pytest


@pytest.fixture(scope="session")
def milvus_lite():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that pkg_resources will go away
        for module in ("pymilvus", "milvus_lite"):
            pytest.importorskip(module, reason=f"needs {module}: pip install 'dlheir[test]'")


@pytest.fixture(scope="session")
def lite_url(milvus_lite, tmp_path_factory):
    from milvus_lite.server import Server

    with socket.create_server(("localhost", 0)) as free:
        port = free.getsockname()[1]
    server = Server(str(tmp_path_factory.mktemp("milvus") / "test.db"), f"localhost:{port}")
    assert server.init()
    assert server.start()
    wait_for(port)
    yield f"http://localhost:{port}"
    server._p.kill()  # asked to stop it takes two seconds
    server.stop()


def wait_for(port):
    for _ in range(100):
        try:
            return socket.create_connection(("localhost", port)).close()
        except OSError:
            time.sleep(0.1)
    raise AssertionError("milvus-lite does not start")


@pytest.fixture(scope="session")
def milvus_url(request):
    return os.environ.get("DLHEIR_MILVUS_URL") or request.getfixturevalue("lite_url")
