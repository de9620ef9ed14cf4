"""What searches behind a server: the same answers from each engine, from a file, from Milvus."""

import numpy as np
import pytest
from encrypted_store import SERVER_SEARCHES, Filled, random_codes, through_a_rotation

from dlheir.errors import InputError
from dlheir.retrieval import engines
from dlheir.store import CloudServer, DataOwner, ranking_cache, search_engine

QUERIES, K = random_codes(9, 5), 17
MILVUS = "the Milvus server of the tests"


def answers_of(store: Filled, engine: str, cache=None) -> tuple[list, list]:
    with CloudServer(store.path, engine, cache) as server:
        ids, distances = store.user(server).search(QUERIES, K)
    return ids.tolist(), distances.tolist()


@SERVER_SEARCHES
@pytest.mark.parametrize("engine", ["flat", "buckets", MILVUS])
def test_every_engine_gives_the_same_answers_throughout_a_rotation(fill, mode, engine, request):
    store = fill(mode)
    if engine == MILVUS:
        engine = request.getfixturevalue("milvus_url")
    expected = store.nearest(QUERIES, K)
    for moment in through_a_rotation(store, 10):
        assert answers_of(store, engine) == expected, moment


def test_milvus_keeps_no_index_of_a_key_version_that_is_no_more(fill, milvus_url):
    from pymilvus import MilvusClient

    store = fill("keyed")
    ours = f"dlheir_{store.keys.policy.store_id.hex()}_"
    client = MilvusClient(milvus_url)
    counts = []
    for _ in through_a_rotation(store, 10):
        answers_of(store, milvus_url)
        counts.append(sum(name.startswith(ours) for name in client.list_collections()))
    client.close()
    assert counts == [1, 2, 1]


def test_ivf_gives_its_recall_and_waits_for_the_end_of_a_rotation(fill, monkeypatch):
    monkeypatch.setattr(engines, "_FLAT_IS_ENOUGH", 5)
    store = fill("keyed")
    exact = store.nearest(QUERIES, K)
    for moment in through_a_rotation(store, 10):
        with CloudServer(store.path, "ivf") as server:
            assert 0.5 < server.recall(K) <= 1
        if moment == "in the middle":
            assert answers_of(store, "ivf") == exact
    with CloudServer(store.path, "flat") as server:
        assert server.recall(K) == 1


def test_ivf_is_refused_where_flat_is_enough(fill):
    with CloudServer(fill("plain").path, "ivf") as server, pytest.raises(InputError, match="flat"):
        server.recall(1)


def test_an_unknown_engine_is_refused_before_a_search(fill):
    with pytest.raises(InputError, match="engine: 'fast', expected one of auto"):
        CloudServer(fill("plain").path, "fast")


class TestFile:
    """The index that is kept between processes."""

    @pytest.fixture
    def file(self, tmp_path):
        return tmp_path / "index.cache"

    @pytest.fixture
    def built(self, monkeypatch):
        """Count how often an index is built."""
        calls = []
        build = search_engine.build_index
        monkeypatch.setattr(
            search_engine, "build_index", lambda *given: calls.append(1) or build(*given)
        )
        return calls

    @SERVER_SEARCHES
    @pytest.mark.parametrize("engine", ["flat", "buckets"])
    def test_it_is_built_once_for_each_state_of_the_store(self, fill, file, built, mode, engine):
        store = fill(mode)
        expected = store.nearest(QUERIES, K)
        parts = []
        for _ in through_a_rotation(store, 10):
            built.clear()
            assert [answers_of(store, engine, file) for _ in range(3)] == [expected] * 3
            parts.append(len(built))
        assert parts == [1, 2, 1]

    def test_it_is_not_taken_for_another_engine_or_store(self, fill, file, built):
        store, other = fill("plain"), fill("plain", name="other")
        for which, engine in ((store, "flat"), (store, "buckets"), (other, "buckets")):
            answers_of(which, engine, file)
        assert len(built) == 3

    def test_damage_anywhere_builds_it_again(self, fill, file, built):
        store = fill("plain")
        expected = answers_of(store, "flat", file)
        whole = file.read_bytes()
        changed = [whole[: len(whole) // 2], b"", b"no index"]
        for place in range(0, len(whole), 41):
            changed.append(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        for damaged in changed:
            file.write_bytes(damaged)
            assert answers_of(store, "flat", file) == expected
        assert len(built) == 1 + len(changed)

    def test_a_folder_that_cannot_be_written_has_no_cache(self, fill, tmp_path):
        store = fill("plain")
        expected = store.nearest(QUERIES, K)
        assert answers_of(store, "flat", tmp_path / "nowhere" / "index.cache") == expected

    def test_a_stale_file_is_none(self, fill, file):
        store = fill("plain")
        answers_of(store, "flat", file)
        root = store.server.root
        stamp = {"format": 1, "root": root.encode().hex(), "sequence": 1, "engine": "flat"}
        bits = store.keys.policy.bits
        assert ranking_cache.load_ranking(file, stamp, bits) is not None
        DataOwner(store.keys, store.server).remove(["0.jpg"])
        assert store.ids[0] not in np.ravel(answers_of(store, "flat", file)[0]).tolist()
        assert ranking_cache.load_ranking(file, stamp, bits) is None
