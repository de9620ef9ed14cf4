"""The index on a Milvus server, for stores that one machine does not search fast enough.

The server holds the protected codes and their rows, nothing else; the answers are those of the
embedded engines. It needs `pip install 'dlheir[milvus]'` and a URL:

    http://HOST:19530/DATABASE            a cluster or standalone server; https:// with TLS
    http://USER:PASSWORD@HOST:19530       logs in; in place of it, the variable MILVUS_TOKEN may
                                          hold USER:PASSWORD or an API key and stays out of sight
    FOLDER/NAME.db                        milvus-lite 2.5.1 in a process beside this one, for
                                          trials: pip install 'milvus-lite==2.5.1' 'setuptools<82'

The user needs the right to create, fill, load, search, list and drop collections. Each index is a
collection of one binary vector (`BIN_FLAT`, `HAMMING`), named NAME and 16 random digits, and says
in its description what it holds; it can be dropped at any time and is uploaded again when needed.
The tests run against a real cluster when DLHEIR_MILVUS_URL names one.
"""

import importlib
import json
import logging
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Self
from urllib.parse import unquote, urlsplit

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dlheir.errors import InputError
from dlheir.retrieval import Index, check_codes, pack, packed_bytes
from dlheir.retrieval.index import Answers
from dlheir.store.errors import StoreError

MAX_RESULTS = 16_384  # Milvus's default of quotaAndLimits.limits.topK
_UPLOADED_AT_ONCE = 2**20  # bytes; a server takes 64 MB
_FETCHED_AT_ONCE = 2**20  # results in one reply, 12 bytes each
_QUERIES_AT_ONCE = 1024  # a server takes 16,384


class _Contents(NamedTuple):
    """What a collection is going to hold, written down when it is created."""

    stamp: str
    bits: int
    rows: int

    @property
    def description(self) -> str:
        return json.dumps({"dlheir codes": self.stamp, "bits": self.bits, "rows": self.rows})

    @classmethod
    def read(cls, description: str) -> "_Contents | None":
        """Undo `description`; null where it is of something else."""
        try:
            fields = json.loads(description)
            return cls(fields["dlheir codes"], fields["bits"], fields["rows"])
        except (ValueError, TypeError, KeyError):
            return None


class MilvusIndex(Index):
    """Codes on a Milvus server, searched exactly, in the order (distance, row).

    Milvus orders ties by chance and, among ties at the k-th distance, returns any. So everything
    up to that distance is fetched and put into order here.
    """

    def __init__(
        self, client: Any, where: str, collection: str, contents: _Contents, max_results: int
    ) -> None:
        """Take over a collection that is whole; `current` finds or makes it."""
        self.bits, self._rows = contents.bits, contents.rows
        self.collection, self._where = collection, f"{where}: {collection}"
        self._client, self._max_results = client, max_results

    @classmethod
    def current(
        cls,
        url: str,
        name: str,
        stamp: str,
        bits: int,
        load: Callable[[], ArrayLike],
        progress: Callable[[int], None] | None = None,
        max_results: int = MAX_RESULTS,
    ) -> Self:
        """Find the index of a state of the codes on the server, or upload it.

        Each upload fills a collection of its own, which counts once it has as many rows as it was
        to have: one that was killed is never taken for whole, and two at a time do not mix. The
        older collections of the name are dropped after it; a search in one of them then fails.

        Args:
            url: see the module.
            name: what the collections' names begin with: letters, digits and underscores.
            stamp: names the state of the codes, such as sequence number and root hash; a
                collection is only used under the stamp that it was uploaded with.
            bits: code length.
            load: returns the codes (N, bits) in {0, 1}; called when they have to be uploaded.
            progress: called with the number of codes after each batch.
            max_results: what the server returns for one query, at most.

        Raises:
            InputError: on a URL or name that is none, codes that are none, or without pymilvus.
            StoreError: when the server cannot be reached or refuses.
        """
        if not re.fullmatch(r"[A-Za-z_]\w{0,200}", name, re.ASCII):
            raise InputError(f"{name!r}: no name of a collection; use letters, digits and _")
        where = _without_credentials(url)
        client = _connect(url, where)
        with _errors(where):
            found = _collections(client, name)
            for collection, contents in found.items():
                if contents[:2] == (stamp, bits) and _count(client, collection) == contents.rows:
                    return cls(client, where, collection, contents, max_results)
            codes = check_codes(load(), bits=bits)
            contents = _Contents(stamp, bits, len(codes))
            collection = f"{name}_{secrets.token_hex(8)}"
        with _errors(f"{where}: {collection}"):
            _upload(client, collection, contents, codes, progress)
            if _count(client, collection) != len(codes):
                raise StoreError(f"{where}: {collection}: not whole after its upload; try again")
            for other in found:
                client.drop_collection(other)
        return cls(client, where, collection, contents, max_results)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def __len__(self) -> int:
        return self._rows

    def _search(self, queries: NDArray[np.uint8], width: int) -> Answers:
        rows = np.empty((len(queries), width), dtype=np.int64)
        distances = np.empty((len(queries), width), dtype=np.int32)
        most = min(self._max_results, len(self))
        limit = min(2 * width, most)  # half of it for ties
        open_queries = np.arange(len(queries))
        while len(open_queries):
            if limit < width:
                raise self._too_many(width)
            tied = []
            for query, hits in zip(
                open_queries, self._nearest(queries[open_queries], limit), strict=True
            ):
                answered = _first(hits, width, complete=limit == len(self))
                if answered is None:
                    tied.append(query)
                else:
                    rows[query], distances[query] = answered
            if tied and limit == most:
                raise self._too_many(width)
            open_queries, limit = np.array(tied, dtype=int), min(4 * limit, most)
        return rows, distances

    def _nearest(self, queries: NDArray[np.uint8], limit: int) -> Iterator[Answers]:
        """Yield rows and distances of the `limit` nearest of each query, in the server's order."""
        at_once = min(_QUERIES_AT_ONCE, max(1, _FETCHED_AT_ONCE // limit))
        for start in range(0, len(queries), at_once):
            data = [query.tobytes() for query in queries[start : start + at_once]]
            with _errors(self._where):
                replies = self._client.search(self.collection, data=data, limit=limit)
            for hits in replies:
                if len(hits) != limit:
                    raise StoreError(f"{self._where}: rows are missing; open the index again")
                yield (
                    np.array([hit["id"] for hit in hits], dtype=np.int64),
                    np.array([hit["distance"] for hit in hits], dtype=np.int32),
                )

    def _too_many(self, k: int) -> StoreError:
        return StoreError(
            f"{self._where}: {self._max_results} results are all that it returns for a query, and "
            f"more are as near as answer {k}; ask for fewer answers or take an embedded engine"
        )


def _first(hits: Answers, width: int, complete: bool) -> Answers | None:
    """Put hits in order and return the first; null where ties of the last may be missing."""
    rows, distances = hits
    order = np.lexsort((rows, distances))
    rows, distances = rows[order], distances[order]
    if not complete and distances[-1] == distances[width - 1]:
        return None
    return rows[:width], distances[:width]


def _collections(client: Any, name: str) -> dict[str, _Contents]:
    """Return the collections that were uploaded under a name, whole or not."""
    found = {}
    for collection in client.list_collections():
        if re.fullmatch(rf"{name}_[0-9a-f]{{16}}", collection):
            contents = _Contents.read(client.describe_collection(collection)["description"])
            if contents is not None:
                found[collection] = contents
    return found


def _count(client: Any, collection: str) -> int | None:
    """Return the number of rows; null where the upload was killed before it began."""
    if not client.list_indexes(collection):
        return None
    client.load_collection(collection)  # does nothing unless the server has been started since
    (reply,) = client.query(collection, output_fields=["count(*)"])
    return int(reply["count(*)"])


def _upload(
    client: Any,
    collection: str,
    contents: _Contents,
    codes: NDArray[np.uint8],
    progress: Callable[[int], None] | None,
) -> None:
    data_type = importlib.import_module("pymilvus").DataType
    code_bytes = packed_bytes(contents.bits)
    schema = client.create_schema(description=contents.description)
    schema.add_field("row", data_type.INT64, is_primary=True)
    schema.add_field("code", data_type.BINARY_VECTOR, dim=8 * code_bytes)
    index = client.prepare_index_params()
    index.add_index("code", index_type="BIN_FLAT", metric_type="HAMMING")
    # Strong: what was uploaded is seen by every search that comes after.
    client.create_collection(collection, schema=schema, consistency_level="Strong")
    client.create_index(collection, index, sync=False)  # of nothing yet; there is no point to wait
    client.load_collection(collection)
    at_once = max(1, _UPLOADED_AT_ONCE // (8 + code_bytes))
    for start in range(0, len(codes), at_once):
        batch = pack(codes[start : start + at_once])
        client.insert(
            collection,
            [{"row": start + i, "code": code.tobytes()} for i, code in enumerate(batch)],
        )
        if progress:
            progress(len(batch))
    client.flush(collection)


def _connect(url: str, where: str) -> Any:
    """Return pymilvus's client.

    Raises:
        InputError: on a URL that is none, or where a package is missing.
        StoreError: when the server cannot be reached.
    """
    try:
        pymilvus = importlib.import_module("pymilvus")
    except ImportError:
        raise InputError(f"{where}: needs pymilvus: pip install 'dlheir[milvus]'") from None
    # It logs each failed call with its traceback, beside the error that says the same in a line.
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
    if "://" not in url:
        settings = _local_settings(url)
    else:
        parts = urlsplit(url)
        credentials = [unquote(part) for part in (parts.username, parts.password) if part]
        settings = {
            "uri": f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}",
            "token": ":".join(credentials) or os.environ.get("MILVUS_TOKEN", ""),
            "db_name": parts.path.strip("/"),
        }
    with _errors(where):
        return pymilvus.MilvusClient(**settings)


def _local_settings(path: str) -> dict[str, str]:
    """Check what pymilvus would not say in a line about a file and milvus-lite."""
    if not re.fullmatch(r"(.*/)?[\w.-]{1,33}\.db", path, re.ASCII):
        raise InputError(
            f"{path}: no Milvus server; give http://HOST:19530, or a file name of at most 36 "
            "letters, digits, _, - and . that ends in .db"
        )
    try:
        importlib.import_module("milvus_lite")
    except ImportError:  # 2.5.1 where there is no pkg_resources, too
        raise InputError(
            f"{path}: needs milvus-lite: pip install 'milvus-lite==2.5.1' 'setuptools<82'"
        ) from None
    return {"uri": path}


def _without_credentials(url: str) -> str:
    """Return the URL as messages may show it."""
    scheme, separator, rest = url.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


@contextmanager
def _errors(where: str) -> Iterator[None]:
    """Turn what pymilvus raises, and lets through, into one line."""
    pymilvus, grpc = importlib.import_module("pymilvus"), importlib.import_module("grpc")
    try:
        yield
    except pymilvus.MilvusException as error:
        advice = ""
        if error.code == pymilvus.exceptions.ErrorCode.COLLECTION_NOT_FOUND:
            advice = "; another upload has replaced it, open the index again"
        raise StoreError(f"{where}: {error.message}{advice}") from error
    except grpc.RpcError as error:
        raise StoreError(f"{where}: {error.code().name} {error.details()}") from error
