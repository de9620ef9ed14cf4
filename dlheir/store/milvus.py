"""The index on a Milvus server, for stores that one machine does not search fast enough.

The server holds the protected codes and their rows, nothing else; the answers are those of the
embedded engines. `dlheir.store.milvus_client` says which URLs there are.

With a real cluster: `pip install 'dlheir[milvus]'`; a user with the right to create, fill, load,
search, list and drop collections; the URL in place of an engine's name. An index is a collection of
one binary vector (`BIN_FLAT`, `HAMMING`), called NAME and 16 random digits, that says in its
description what it holds. It is a cache: it can be dropped at any time, and is uploaded again when
it is needed. The tests run against a cluster when the variable DLHEIR_MILVUS_URL names one.
"""

import importlib
import json
import re
import secrets
from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dlheir.errors import InputError
from dlheir.retrieval import Index, check_codes, pack, packed_bytes
from dlheir.retrieval.index import Answers
from dlheir.store.errors import StoreError
from dlheir.store.milvus_client import connect, one_line_errors, without_credentials

MAX_RESULTS = 16_384  # Milvus's default of quotaAndLimits.limits.topK
_UPLOADED_AT_ONCE = 2**20  # bytes; a server takes 64 MB
_FETCHED_AT_ONCE = 2**20  # results in one reply, 12 bytes each


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

    _queries_at_once = 256  # of a request; a server takes 16,384, and several requests

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
            url: see `dlheir.store.milvus_client`.
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
        where = without_credentials(url)
        client = connect(url)
        with one_line_errors(where):
            found = _collections(client, name)
            for collection, contents in found.items():
                if contents[:2] == (stamp, bits) and _count(client, collection) == contents.rows:
                    return cls(client, where, collection, contents, max_results)
            codes = check_codes(load(), bits=bits)
            contents = _Contents(stamp, bits, len(codes))
            collection = f"{name}_{secrets.token_hex(8)}"
        with one_line_errors(f"{where}: {collection}"):
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
        at_once = max(1, _FETCHED_AT_ONCE // limit)
        for start in range(0, len(queries), at_once):
            data = [query.tobytes() for query in queries[start : start + at_once]]
            with one_line_errors(self._where):
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


def drop_indexes(url: str, prefix: str, keep: Collection[str] = ()) -> None:
    """Drop what was uploaded under names that are not used any more, as of old key versions.

    Args:
        url: see `dlheir.store.milvus_client`.
        prefix: what the names begin with, such as what is common to those of one store.
        keep: collections that stay: `MilvusIndex.collection`.

    Raises:
        InputError: on a URL that is none, or without pymilvus.
        StoreError: when the server cannot be reached or refuses.
    """
    where = without_credentials(url)
    client = connect(url)
    with one_line_errors(where):
        for collection in _collections(client, rf"{re.escape(prefix)}\w*").keys() - set(keep):
            client.drop_collection(collection)
    client.close()


def _first(hits: Answers, width: int, complete: bool) -> Answers | None:
    """Put hits in order and return the first; null where ties of the last may be missing."""
    rows, distances = hits
    order = np.lexsort((rows, distances))
    rows, distances = rows[order], distances[order]
    if not complete and distances[-1] == distances[width - 1]:
        return None
    return rows[:width], distances[:width]


def _collections(client: Any, names: str) -> dict[str, _Contents]:
    """Return the collections that were uploaded under names of a pattern, whole or not."""
    found = {}
    for collection in client.list_collections():
        if re.fullmatch(rf"{names}_[0-9a-f]{{16}}", collection):
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
