"""The paper's system played through once."""

import numpy as np
import pytest
from encrypted_store import ALL_MODES

from dlheir import retrieval
from dlheir.store import CloudServer, DataOwner, EnvelopeError, Picture
from dlheir.store.simulation import simulate
from dlheir.store.user import QueryUser

COUNT, QUERIES, BITS, K = 40, 6, 6, 9  # so few bits that many pictures tie
RANDOM = np.random.default_rng(0)
CODES = RANDOM.integers(0, 2, (COUNT, BITS), dtype=np.uint8)
QUERY_CODES = RANDOM.integers(0, 2, (QUERIES, BITS), dtype=np.uint8)


@pytest.fixture
def pictures(tmp_path):
    """Files of different lengths; the store does not look into pictures."""
    paths = [tmp_path / f"{i}.jpg" for i in range(COUNT)]
    for i, path in enumerate(paths):
        path.write_bytes(f"picture {i}".encode() * (i + 1))
    return [Picture(path.name, path) for path in paths]


@pytest.fixture
def play(tmp_path, pictures):
    def play(store="store.sqlite", **changes):
        settings = {"mode": "plain", "k": K, "seed": 0} | changes
        return simulate(tmp_path / store, pictures, CODES, QUERY_CODES, **settings)

    return play


@ALL_MODES
def test_answers_are_those_of_a_search_in_the_order_of_ids(play, mode):
    found = play(mode=mode)
    order = found.ranking_order
    ids = [found.picture_ids[row] for row in order]
    assert ids == sorted(found.picture_ids)
    rows, distances = retrieval.search(QUERY_CODES, CODES[order], K)
    np.testing.assert_array_equal(found.answers, order[rows])
    np.testing.assert_array_equal(found.distances, distances)


@ALL_MODES
def test_everything_is_uploaded_and_what_was_served_is_opened(play, pictures, tmp_path, mode):
    found = play(mode=mode)
    assert found.opened == len(np.unique(found.answers))
    assert found.plain_bytes == sum(picture.source.stat().st_size for picture in pictures)
    with CloudServer(tmp_path / "store.sqlite") as server:
        assert server.policy.mode == mode
        assert server.picture_ids == sorted(found.picture_ids)
        envelopes = [served.record.envelope for served in server.get(found.picture_ids)]
    assert found.sealed_bytes == sum(map(len, envelopes))


def test_each_function_is_timed(play):
    seconds = play().seconds
    assert seconds.keys() == {"KeyGen", "EncImg", "upload", "Search", "Dec"}
    assert all(value >= 0 for value in seconds.values())


def test_seed_decides_ids_and_order_of_ties_but_no_envelope(play, tmp_path):
    runs = [play(f"{name}.sqlite", seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))]
    assert runs[0].picture_ids == runs[1].picture_ids != runs[2].picture_ids
    np.testing.assert_array_equal(runs[0].answers, runs[1].answers)
    sealed = []
    for name in "ab":
        with CloudServer(tmp_path / f"{name}.sqlite") as server:
            (served,) = server.get(runs[0].picture_ids[:1])
            sealed.append(served.record.envelope)
    assert sealed[0][10:] != sealed[1][10:]


def test_shown_holds_the_first_answers_asked_for(play, pictures, tmp_path):
    found = play(shown=[1, 4], answers_shown=3)
    assert found.shown.keys() == set(found.answers[[1, 4], :3].flat)
    with CloudServer(tmp_path / "store.sqlite") as server:
        for row, shown in found.shown.items():
            (served,) = server.get([found.picture_ids[row]])
            assert shown.plain == pictures[row].source.read_bytes()
            assert shown.envelope == served.record.envelope
            assert shown.plain not in shown.envelope
    assert play("none.sqlite").shown == {}


def test_more_answers_than_pictures(play):
    found = play(k=1000)
    assert found.answers.shape == (QUERIES, COUNT)
    assert found.opened == COUNT


def test_answers_of_other_searches_are_opened_too(play, monkeypatch):
    """Those that the network answered with are opened once."""
    alone = play("alone.sqlite")
    wanted = set(alone.answers.flat)
    new = next(row for row in range(COUNT) if row not in wanted)
    asked = []
    opened = QueryUser.open_answers

    def noting(user, ids):
        listed = list(ids)
        asked.extend(listed)
        return opened(user, listed)

    monkeypatch.setattr(QueryUser, "open_answers", noting)
    orders = []

    def search(order):
        orders.append(order)
        return np.array([[order[0], order[-1], -1], [new, order[0], -1]])

    found = play(others={"other": search})
    (order,) = orders
    np.testing.assert_array_equal(order, found.ranking_order)
    np.testing.assert_array_equal(found.others["other"][:, 2], [-1, -1])
    np.testing.assert_array_equal(found.answers, alone.answers)
    expected = wanted | {order[0], order[-1], new}
    assert found.opened == len(expected)
    assert len(asked) == len(expected)
    assert set(asked) == {found.picture_ids[row] for row in expected}


def test_wrong_picture_among_answers_of_another_search_is_noticed(play, pictures):
    alone = play("alone.sqlite")
    row = next(row for row in range(COUNT) if row not in alone.answers)

    def search(order):
        source = pictures[row].source
        source.write_bytes(source.read_bytes() + b"!")
        return np.array([[row]])

    with pytest.raises(EnvelopeError, match=f"{row}.jpg: what was opened is another picture"):
        play(others={"other": search})


def test_picture_that_changes_after_sealing_is_noticed(play, pictures, monkeypatch):
    upload = DataOwner.upload

    def upload_and_change(*arguments, **options):
        done = upload(*arguments, **options)
        for picture in pictures:
            picture.source.write_bytes(picture.source.read_bytes() + b"!")
        return done

    monkeypatch.setattr(DataOwner, "upload", upload_and_change)
    with pytest.raises(EnvelopeError, match=r"\.jpg: what was opened is another picture"):
        play()
