"""The query user before a truthful server: trapdoors, answers, pictures."""

import secrets

import numpy as np
import pytest
from encrypted_store import (
    ALL_MODES,
    BITS,
    SERVER_SEARCHES,
    make_pictures,
    random_codes,
    rotate_some,
)

from dlheir.errors import InputError
from dlheir.store import (
    Access,
    CloudServer,
    EnvelopeError,
    QueryUser,
    StoreInputError,
    UserKeys,
    open_grants,
)
from dlheir.store.errors import StaleTrapdoorError
from dlheir.store.protection import CodeProtection

QUERIES = random_codes(1, 9)


@ALL_MODES
@pytest.mark.parametrize("complete", [False, True])
@pytest.mark.parametrize("k", [1, 7, 30, 1000])
def test_answers_are_the_nearest_pictures_by_distance_then_id(fill, mode, complete, k):
    store = fill(mode)
    answers = store.user().search(QUERIES, k, complete)
    ids, distances = store.nearest(QUERIES, k)
    assert answers.ids.tolist() == ids
    assert answers.distances.tolist() == distances
    assert answers.distances.dtype == np.int32


@ALL_MODES
@pytest.mark.parametrize("complete", [False, True])
def test_an_empty_store_has_no_answers(fill, mode, complete):
    store = fill(mode, count=0)
    answers = store.user().search(QUERIES, 5, complete)
    assert answers.ids.shape == answers.distances.shape == (9, 0)


@ALL_MODES
def test_no_queries_have_no_answers(fill, mode):
    answers = fill(mode).user().search(np.empty((0, BITS), dtype=np.uint8), 5)
    assert answers.ids.shape == answers.distances.shape == (0, 5)


@ALL_MODES
@pytest.mark.parametrize("count", [0, 3])
@pytest.mark.parametrize(
    ("queries", "k", "what"),
    [
        (QUERIES, 0, "k: 0"),
        (QUERIES, -1, "k: -1"),
        (random_codes(1, 2, BITS + 1), 5, "query codes: 7 bits, expected 6"),
        (QUERIES + 2, 5, "query codes: values other than 0 and 1"),
        (QUERIES[0], 5, "query codes: shape"),
    ],
)
def test_wrong_questions(fill, mode, count, queries, k, what):
    store = fill(mode, count=count)
    with pytest.raises(InputError, match=what) as error:
        store.user().search(queries, k)
    assert "\n" not in str(error.value)


# Trapdoors.


def test_in_mode_plain_the_trapdoor_is_the_code(fill):
    (trapdoor,) = fill("plain").user().trapdoor(QUERIES).values()
    np.testing.assert_array_equal(trapdoor, QUERIES)


def test_in_mode_keyed_there_is_a_trapdoor_for_each_live_version(fill):
    store = fill("keyed")
    assert store.user().trapdoor(QUERIES).keys() == {1}
    store.keys.start_version()
    assert store.user().trapdoor(QUERIES).keys() == {1}  # no picture is under 2 yet
    rotate_some(store.owner, 10)
    trapdoors = store.user().trapdoor(QUERIES)
    assert trapdoors.keys() == {1, 2}
    for version, trapdoor in trapdoors.items():
        protection = CodeProtection(store.keys.policy, version, store.keys.versions[version])
        np.testing.assert_array_equal(trapdoor, protection.trapdoor(QUERIES))
    store.owner.rotate()
    assert store.user().trapdoor(QUERIES).keys() == {2}


def test_in_mode_client_there_is_none(fill):
    with pytest.raises(InputError, match="client; the server cannot search"):
        fill("client").user().trapdoor(QUERIES)


@SERVER_SEARCHES
def test_a_rotation_that_begins_between_trapdoor_and_search_is_asked_about_again(fill, liar, mode):
    store, asked = fill(mode), []
    store.keys.start_version()

    def rotated_meanwhile(search, trapdoors, k):
        asked.append(sorted(trapdoors))
        if len(asked) == 1:
            rotate_some(store.owner, 10)
        elif len(asked) == 2:
            store.owner.rotate()
            store.keys.start_version()
        return search(trapdoors, k)

    user = store.user(liar(store.path, search=rotated_meanwhile))
    assert user.search(QUERIES, 7).ids.tolist() == store.nearest(QUERIES, 7)[0]
    assert asked == [[1], [1, 2]]  # what is asked for beyond the live versions is no harm


@SERVER_SEARCHES
def test_a_rotation_between_search_and_proofs_changes_nothing(fill, liar, mode):
    store = fill(mode)
    store.keys.start_version()

    def rotated_meanwhile(prove, ids):
        rotate_some(store.owner, 10)
        return prove(ids)

    user = store.user(liar(store.path, prove=rotated_meanwhile))
    assert user.search(QUERIES, 7).ids.tolist() == store.nearest(QUERIES, 7)[0]
    assert user.seen == store.server.root.sequence


def test_the_servers_own_engine_gets_no_old_trapdoors_alone(fill):
    store = fill("keyed")
    trapdoors = store.user().trapdoor(QUERIES)
    store.keys.start_version()
    store.owner.rotate()
    with pytest.raises(StaleTrapdoorError, match="no trapdoor for key version 2"):
        store.server.search(trapdoors, 5)


# Pictures.


@ALL_MODES
def test_answers_open_in_their_order_to_what_was_uploaded(fill, mode):
    store = fill(mode)
    user = store.user()
    ids = user.search(QUERIES[:1], 12).ids[0].tolist()
    opened = list(user.open_answers(ids))
    assert [answer.picture_id for answer in opened] == ids
    by_id = dict(zip(store.ids, store.pictures, strict=True))
    assert [(a.name, a.picture) for a in opened] == [tuple(by_id[i]) for i in ids]
    served = [served.record.envelope for served in store.server.get(ids)]
    assert [answer.envelope for answer in opened] == served


def test_a_picture_may_be_asked_for_twice(fill):
    store = fill()
    ids = [store.ids[3], store.ids[3]]
    assert [answer.name for answer in store.user().open_answers(ids)] == ["3.jpg", "3.jpg"]


def test_an_id_that_the_store_does_not_hold(fill):
    store, unknown = fill(), secrets.token_bytes(16)
    opened = store.user().open_answers([store.ids[0], unknown])
    with pytest.raises(StoreInputError, match=unknown.hex()):
        list(opened)


def test_without_the_key_nothing_opens(fill):
    store = fill()
    access = Access(store.keys.policy, store.keys.owner_public, {1: secrets.token_bytes(32)})
    with pytest.raises(EnvelopeError, match=store.ids[0].hex()):
        next(QueryUser(access, store.server).open_answers(store.ids))


@ALL_MODES
def test_without_a_grant_of_the_version_nothing_is_asked_and_nothing_opens(fill, mode):
    store = fill(mode)
    access = Access(store.keys.policy, store.keys.owner_public, {2: store.keys.versions[1]})
    user = QueryUser(access, store.server)
    with pytest.raises(StoreInputError, match="key version 1, which you have no grant for"):
        user.search(QUERIES, 5)
    with pytest.raises(StoreInputError, match="key version 1, which you have no grant for"):
        next(user.open_answers(store.ids))


@ALL_MODES
def test_an_authorised_user_has_the_same_answers(fill, mode):
    store = fill(mode)
    keys = UserKeys.generate(store.keys.owner_public)
    store.owner.grant(keys.public_key)
    with CloudServer(store.path) as server:
        user = QueryUser(open_grants(keys, server.grants(keys.public_key)), server)
        assert user.search(QUERIES, 7).ids.tolist() == store.nearest(QUERIES, 7)[0]
        pictures = [answer.picture for answer in user.open_answers(store.ids)]
    assert pictures == [picture.source for picture in store.pictures]


# What was seen.


@ALL_MODES
def test_seen_is_the_highest_commit_that_was_shown(fill, mode):
    store = fill(mode)
    user = store.user()
    assert user.seen == 0
    user.search(QUERIES, 3)
    assert user.seen == 1
    store.owner.upload(make_pictures([30]), random_codes(2, 1))
    next(user.open_answers(store.ids))
    assert user.seen == 2
    store.owner.remove(["30.jpg"])
    user.search(QUERIES, 3)
    assert user.seen == 3
