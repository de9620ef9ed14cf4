"""The way to a Milvus server: its URL, the packages for it, its errors in one line.

URLs:
    http://HOST:19530/DATABASE            a cluster or a standalone server; https:// with TLS
    http://USER:PASSWORD@HOST:19530       logs in; without it the variable MILVUS_TOKEN may hold
                                          USER:PASSWORD or an API key, where nobody looks on
    FOLDER/NAME.db                        milvus-lite 2.5.1, for trials, in a process of its own:
                                          pip install 'milvus-lite==2.5.1' 'setuptools<82'
"""

import importlib
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

from dlheir.errors import InputError
from dlheir.store.errors import StoreError


def connect(url: str) -> Any:
    """Return pymilvus's client of a server.

    Raises:
        InputError: on a URL that is none, or where a package is missing.
        StoreError: when the server cannot be reached.
    """
    where = without_credentials(url)
    try:
        pymilvus = importlib.import_module("pymilvus")
    except ImportError:
        raise InputError(f"{where}: needs pymilvus: pip install 'dlheir[milvus]'") from None
    # It logs each failed call with its traceback, beside the error that says the same in a line.
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
    settings = _remote(url) if "://" in url else _local(url)
    with one_line_errors(where):
        return pymilvus.MilvusClient(**settings)


def _remote(url: str) -> dict[str, str]:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number
        usable = False
    if not usable:
        raise _no_server(url)
    credentials = [unquote(part) for part in (parts.username, parts.password) if part]
    return {
        "uri": f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}",
        "token": ":".join(credentials) or os.environ.get("MILVUS_TOKEN", ""),
        "db_name": parts.path.strip("/"),
    }


def _local(path: str) -> dict[str, str]:
    if not re.fullmatch(r"(.*/)?[\w.-]{1,33}\.db", path, re.ASCII):
        raise _no_server(path)
    try:
        importlib.import_module("milvus_lite")
    except ImportError:  # 2.5.1 where there is no pkg_resources, too
        raise InputError(
            f"{path}: needs milvus-lite: pip install 'milvus-lite==2.5.1' 'setuptools<82'"
        ) from None
    return {"uri": path}


def _no_server(url: str) -> InputError:
    return InputError(
        f"{without_credentials(url)}: no Milvus server; give http://HOST:19530, or a file "
        "FOLDER/NAME.db with at most 36 letters, digits, _, - and . in its name"
    )


def without_credentials(url: str) -> str:
    """Return the URL as messages may show it."""
    scheme, separator, rest = url.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


@contextmanager
def one_line_errors(where: str) -> Iterator[None]:
    """Turn what pymilvus raises, and lets through, into one line."""
    pymilvus, grpc = importlib.import_module("pymilvus"), importlib.import_module("grpc")
    try:
        yield
    except pymilvus.MilvusException as error:
        message = error.message
        if error.code == pymilvus.exceptions.ErrorCode.COLLECTION_NOT_FOUND:
            message += "; another upload has replaced it, open the index again"
        raise StoreError(f"{where}: {' '.join(message.split())}") from error
    except grpc.RpcError as error:
        raise StoreError(f"{where}: {error.code().name} {error.details()}") from error
