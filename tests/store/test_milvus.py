"""The index on a Milvus server: the contract of the exact engines, uploads, errors."""

import secrets
import subprocess
import sys

import numpy as np
import pytest
from search_contract import SearchContract, assert_answers, assert_like_oracle, oracle, random_codes

from dlheir.errors import InputError
from dlheir.store import milvus
from dlheir.store.errors import StoreError
from dlheir.store.milvus import MAX_RESULTS, MilvusIndex


@pytest.fixture(scope="module")
def url(milvus_url):
    return milvus_url


@pytest.fixture(scope="module")
def client(url):
    """A connection of the tests' own, that leaves nothing behind."""
    client = milvus.connect(url)
    yield client
    for collection in client.list_collections():
        if collection.startswith("dlheir_test_"):
            client.drop_collection(collection)
    client.close()


@pytest.fixture
def name():
    return new_name()


def new_name():
    return f"dlheir_test_{secrets.token_hex(8)}"


@pytest.fixture(scope="module", params=[1, 12, 48, 100])
def bits(request):
    return request.param


@pytest.fixture(scope="module")
def build(url, client):
    return lambda codes: MilvusIndex.current(
        url, new_name(), "stamp", np.shape(codes)[1], lambda: codes
    )


class TestMilvusIndex(SearchContract):
    """All that the exact engines do."""


CODES = random_codes(0, 100, 12)
QUERIES = random_codes(1, 10, 12)


def exchange_calls(client, monkeypatch, **calls):
    class Connection:
        def __getattr__(self, name):
            return calls.get(name) or getattr(client, name)

    monkeypatch.setattr(milvus, "connect", lambda url: Connection())


def never():
    raise AssertionError("uploads although the server has it")


def collections_of(client, name):
    return [collection for collection in client.list_collections() if collection.startswith(name)]


def test_rows_that_arrive_in_any_order_are_ranked_by_row(url, client, name, monkeypatch):
    def shuffled(collection, rows):
        client.insert(collection, [rows[i] for i in np.random.default_rng(0).permutation(3000)])

    exchange_calls(client, monkeypatch, insert=shuffled)
    codes = random_codes(2, 7, 12)[np.random.default_rng(3).integers(0, 7, 3000)]
    index = MilvusIndex.current(url, name, "stamp", 12, lambda: codes)
    for k in (1, 20, 350, 1000, 3000):
        assert_like_oracle(index, QUERIES, codes, k)


def test_what_the_server_has_is_not_uploaded_again(url, name):
    first = MilvusIndex.current(url, name, "stamp", 12, lambda: CODES)
    second = MilvusIndex.current(url, name, "stamp", 12, never)
    assert second.collection == first.collection
    assert (len(second), second.bits) == (100, 12)
    assert_like_oracle(second, QUERIES, CODES, 30)


def test_an_empty_index_is_not_uploaded_again(url, name):
    MilvusIndex.current(url, name, "stamp", 12, lambda: CODES[:0])
    assert len(MilvusIndex.current(url, name, "stamp", 12, never)) == 0


@pytest.mark.parametrize(("stamp", "bits"), [("later", 12), ("stamp", 24)])
def test_another_stamp_or_length_is_uploaded_and_replaces_the_first(url, client, name, stamp, bits):
    MilvusIndex.current(url, name, "stamp", 12, lambda: CODES)
    codes, queries = random_codes(5, 80, bits), random_codes(6, 9, bits)
    index = MilvusIndex.current(url, name, stamp, bits, lambda: codes)
    assert_like_oracle(index, queries, codes, 30)
    assert collections_of(client, name) == [index.collection]
    MilvusIndex.current(url, name, stamp, bits, never)


def test_other_names_and_other_peoples_collections_stay(url, client, name):
    longer = MilvusIndex.current(url, f"{name}_more", "stamp", 12, lambda: CODES)
    other = f"{name}_{secrets.token_hex(8)}"
    schema = client.create_schema(description="[1, 2]")
    from pymilvus import DataType

    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=2)
    client.create_collection(other, schema=schema)
    for stamp in ("stamp", "later"):
        index = MilvusIndex.current(url, name, stamp, 12, lambda: CODES)
    kept = {longer.collection, other, index.collection}
    assert set(collections_of(client, name)) == kept


def test_indexes_of_old_names_are_dropped(url, client, name):
    indexes = [
        MilvusIndex.current(url, f"{name}_{version}", "stamp", 12, lambda: CODES)
        for version in (1, 2, 11)
    ]
    other = MilvusIndex.current(url, f"{name}2", "stamp", 12, lambda: CODES)
    milvus.drop_indexes(url, f"{name}_", keep=[indexes[1].collection])
    kept = [indexes[1], other]
    assert set(collections_of(client, name)) == {index.collection for index in kept}
    for index in kept:
        assert_like_oracle(index, QUERIES, CODES, 9)
    milvus.drop_indexes(url, name)
    assert collections_of(client, name) == []


class Stop(Exception):
    pass


def stop(*_, **__):
    raise Stop


@pytest.mark.parametrize("call", ["create_index", "load_collection", "insert"])
def test_an_upload_that_stopped_before_its_first_row_is_not_taken_for_whole(
    url, client, name, call, monkeypatch
):
    exchange_calls(client, monkeypatch, **{call: stop})
    with pytest.raises(Stop):
        MilvusIndex.current(url, name, "stamp", 12, lambda: CODES)
    monkeypatch.undo()
    assert_uploaded_again(url, client, name)


@pytest.mark.parametrize("batches", [1, 2, 4])
def test_an_upload_that_stopped_is_not_taken_for_whole(url, client, name, batches, monkeypatch):
    uploaded = []

    def count(rows):
        uploaded.append(rows)
        if len(uploaded) == batches:
            raise Stop

    monkeypatch.setattr(milvus, "_UPLOADED_AT_ONCE", 20 * 12)  # five batches
    with pytest.raises(Stop):
        MilvusIndex.current(url, name, "stamp", 12, lambda: CODES, count)
    monkeypatch.undo()
    assert_uploaded_again(url, client, name)


def assert_uploaded_again(url, client, name):
    assert len(collections_of(client, name)) == 1
    index = MilvusIndex.current(url, name, "stamp", 12, lambda: CODES)
    assert_like_oracle(index, QUERIES, CODES, 100)
    assert collections_of(client, name) == [index.collection]


def test_a_real_server_loads_what_has_an_index_and_counts_what_is_loaded(
    url, client, name, monkeypatch
):
    """As milvus-lite does not: there, what is not loaded can be counted, and loaded unindexed."""
    loaded = set()

    def load_collection(collection):
        assert client.list_indexes(collection)
        loaded.add(collection)

    def query(collection, **settings):
        assert collection in loaded
        return client.query(collection, **settings)

    exchange_calls(client, monkeypatch, create_index=stop)
    with pytest.raises(Stop):
        MilvusIndex.current(url, name, "stamp", 12, lambda: CODES)
    exchange_calls(client, monkeypatch, load_collection=load_collection, query=query)
    MilvusIndex.current(url, name, "stamp", 12, lambda: CODES)
    loaded.clear()
    MilvusIndex.current(url, name, "stamp", 12, never)


KILLED = """
import os, sys
import numpy as np
from dlheir.store import milvus

milvus._UPLOADED_AT_ONCE = 20 * 12
codes = np.zeros((100, 12), np.uint8)
milvus.MilvusIndex.current(*sys.argv[1:], "stamp", 12, lambda: codes, lambda rows: os._exit(77))
"""


def test_an_upload_that_was_killed_is_not_taken_for_whole(url, client, name):
    killed = subprocess.run([sys.executable, "-c", KILLED, url, name], check=False)
    assert killed.returncode == 77
    assert_uploaded_again(url, client, name)


def test_two_uploads_at_a_time_do_not_mix(url, name, monkeypatch):
    monkeypatch.setattr(milvus, "_UPLOADED_AT_ONCE", 60 * 12)
    others = random_codes(7, 110, 12)

    def meanwhile(_):
        MilvusIndex.current(url, name, "later", 12, lambda: others)

    with pytest.raises(StoreError, match=f"{name}.* another upload has replaced it"):
        MilvusIndex.current(url, name, "stamp", 12, lambda: CODES, meanwhile)
    index = MilvusIndex.current(url, name, "later", 12, never)
    assert_like_oracle(index, QUERIES, others, 110)


def test_a_collection_with_a_row_missing_is_not_taken_for_whole(url, client, name):
    index = MilvusIndex.current(url, name, "stamp", 12, lambda: CODES)
    client.delete(index.collection, ids=[17])
    with pytest.raises(StoreError, match=index.collection):
        index.search(QUERIES, 100)
    index = MilvusIndex.current(url, name, "stamp", 12, lambda: CODES)
    assert_like_oracle(index, QUERIES, CODES, 100)


def test_a_row_too_many_is_found_out_after_the_upload(url, name, monkeypatch):
    """A client that repeats a request, because the answer to the first was lost, does this."""
    monkeypatch.setattr(milvus, "_count", lambda client, collection: 101)
    with pytest.raises(StoreError, match="not whole after its upload"):
        MilvusIndex.current(url, name, "stamp", 12, lambda: CODES)


def test_a_collection_that_is_not_loaded_is_loaded(url, client, name):
    index = MilvusIndex.current(url, name, "stamp", 12, lambda: CODES)
    client.release_collection(index.collection)
    assert_like_oracle(MilvusIndex.current(url, name, "stamp", 12, never), QUERIES, CODES, 10)


def test_progress_counts_the_codes(url, name, monkeypatch):
    monkeypatch.setattr(milvus, "_UPLOADED_AT_ONCE", 40 * 12)
    batches = []
    MilvusIndex.current(url, name, "stamp", 12, lambda: CODES, batches.append)
    assert batches == [40, 40, 20]


def test_a_search_in_a_collection_that_was_replaced_fails_in_one_line(url, name):
    old = MilvusIndex.current(url, name, "stamp", 12, lambda: CODES)
    MilvusIndex.current(url, name, "later", 12, lambda: CODES)
    with pytest.raises(StoreError, match=rf"^.*{old.collection}.*; another .*$") as error:
        old.search(QUERIES, 5)
    assert "\n" not in str(error.value)


def test_more_answers_than_the_server_returns_are_refused(url, name):
    index = MilvusIndex.current(url, name, "stamp", 12, lambda: CODES, max_results=50)
    with pytest.raises(StoreError, match="50 results are all that it returns for a query"):
        index.search(QUERIES, 51)


def test_more_ties_than_the_server_returns_are_refused(url, name):
    codes = np.repeat(np.eye(12, dtype=np.uint8)[:2], [49, 51], axis=0)  # at distances 0 and 2
    index = MilvusIndex.current(url, name, "stamp", 12, lambda: codes, max_results=50)
    assert_like_oracle(index, codes[:1], codes, 49)
    for k in (50, 51):
        with pytest.raises(StoreError, match="more are as near"):
            index.search(codes[:1], k)
    with pytest.raises(StoreError, match="more are as near"):  # though one of both could be served
        index.search(codes[[0, 99]], 10)


def test_the_default_limit_is_the_servers(url, client, name):
    codes = np.zeros((MAX_RESULTS + 1, 12), np.uint8)
    index = MilvusIndex.current(url, name, "stamp", 12, lambda: codes)
    with pytest.raises(StoreError, match="16384 results are all"):
        index.search(codes[:1], 1)
    from pymilvus import MilvusException

    query = [bytes(4)]
    assert len(client.search(index.collection, data=query, limit=MAX_RESULTS)[0]) == MAX_RESULTS
    with pytest.raises(MilvusException):
        client.search(index.collection, data=query, limit=MAX_RESULTS + 1)
    index = MilvusIndex.current(url, name, "one less", 12, lambda: codes[1:])
    assert_answers(index.search(codes[:1], 7), oracle(codes[:1], codes[:7], 7))


def test_requests_are_divided(url, client, name, monkeypatch):
    asked = []

    def search(collection, data, limit):
        asked.append((len(data), limit))
        return client.search(collection, data=data, limit=limit)

    monkeypatch.setattr(MilvusIndex, "_queries_at_once", 4)
    monkeypatch.setattr(milvus, "_FETCHED_AT_ONCE", 200)
    exchange_calls(client, monkeypatch, search=search)
    index = MilvusIndex.current(url, name, "stamp", 12, lambda: CODES)
    assert_like_oracle(index, QUERIES, CODES, 100)
    assert asked == [(2, 100)] * 5
    asked.clear()
    assert_like_oracle(index, QUERIES, CODES, 1)
    first = sorted(call for call in asked if call[1] == 2)  # of several threads
    assert first == [(2, 2), (4, 2), (4, 2)]


def test_what_was_uploaded_is_seen_by_the_next_search(url, client, name):
    index = MilvusIndex.current(url, name, "stamp", 12, lambda: CODES)
    level = client.describe_collection(index.collection)["consistency_level"]
    assert level == 0, "not Strong"


def test_a_file_of_milvus_lite_keeps_the_index(milvus_lite, name, tmp_path):
    from milvus_lite.server_manager import server_manager_instance as servers

    path = f"{tmp_path}/index.db"
    index = MilvusIndex.current(path, name, "stamp", 12, lambda: CODES)
    assert_like_oracle(index, QUERIES, CODES, 20)
    index.close()
    servers.release_server(path)
    index = MilvusIndex.current(path, name, "stamp", 12, never)
    assert_like_oracle(index, QUERIES, CODES, 20)
    index.close()
    servers.release_server(path)


@pytest.mark.parametrize("name", ["", "1st", "my-store", "naïve", "a b"])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(InputError, match="no name of a collection"):
        MilvusIndex.current("http://host", name, "stamp", 12, never)


def test_codes_of_another_length_are_refused(url, name):
    with pytest.raises(InputError, match="12 bits, expected 24"):
        MilvusIndex.current(url, name, "stamp", 24, lambda: CODES)


def test_pymilvus_is_imported_when_it_is_needed():
    script = "import sys, dlheir.store.milvus; assert 'pymilvus' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
