"""Rotation as users live through it: answers that stay, and what a revoked user has left."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from encrypted_store import ALL_MODES, copy_of, make_pictures, random_codes, rotate_some

from dlheir.store import (
    CloudServer,
    DataOwner,
    EnvelopeError,
    QueryUser,
    StoreInputError,
    UserKeys,
    open_envelope,
    open_grants,
)
from dlheir.store.protection import CodeProtection

QUERIES = random_codes(1, 5)
K = 8
ASKED, ROTATIONS = 200, 3


def authorise(store) -> UserKeys:
    """Make a user who gets all keys by grants from the server."""
    user = UserKeys.generate(store.keys.owner_public)
    store.keys.users["user"] = user.public_key
    store.owner.grant(user.public_key)
    return user


def asking(user: UserKeys, server: CloudServer, seen: int = 0) -> QueryUser:
    return QueryUser(open_grants(user, server.grants(user.public_key)), server, seen)


def revoke(store, user: UserKeys) -> None:
    """What `dlheir store revoke` does, before the rotation."""
    del store.keys.users["user"]
    store.server.remove_grants(user.public_key)
    store.keys.start_version()


@ALL_MODES
def test_answers_stay_before_during_and_after(fill, mode):
    store = fill(mode)
    user = authorise(store)
    expected = store.nearest(QUERIES, K)
    store.keys.start_version()
    for live in ({1: 30}, {1: 20, 2: 10}, {1: 10, 2: 20}, {2: 30}):
        assert store.server.key_versions == live
        for asker in (store.user(), asking(user, store.server)):
            answers = asker.search(QUERIES, K, complete=True)
            assert (answers.ids.tolist(), answers.distances.tolist()) == expected
            opened = [answer.picture for answer in asker.open_answers(store.ids)]
            assert opened == [picture.source for picture in store.pictures]
        if live != {2: 30}:
            rotate_some(store.owner, 10)


@ALL_MODES
def test_a_user_searches_and_opens_200_times_while_keys_are_rotated(fill, mode):
    """A user who read the grants just before a new version's is told so; asked again, it works."""
    store = fill(mode)
    user, count = authorise(store), len(store.pictures)
    expected = store.nearest(QUERIES, K)
    asked, commits = 0, 0

    def keep_step(_: int) -> None:
        """Spread the commits over the questions."""
        nonlocal commits
        commits += 1
        while asked < commits * ASKED / (ROTATIONS * count):
            time.sleep(0.0005)

    def rotate() -> None:
        with CloudServer(store.path) as server:
            owner = DataOwner(store.keys, server)
            for _ in range(ROTATIONS):
                store.keys.start_version()
                owner.rotate(batch_size=1, progress=keep_step)

    with ThreadPoolExecutor(1) as pool:
        rotating, seen = pool.submit(rotate), 0
        try:
            while asked < ASKED:
                asker = asking(user, store.server, seen)
                try:
                    answers = asker.search(QUERIES, K)
                    (opened,) = asker.open_answers([store.ids[asked % count]])
                except StoreInputError as error:
                    assert "which you have no grant for; ask the owner" in str(error)  # noqa: PT017
                    continue
                assert (answers.ids.tolist(), answers.distances.tolist()) == expected
                assert opened.picture == store.pictures[asked % count].source
                asked, seen = asked + 1, asker.seen
        finally:
            asked = ASKED  # or the other thread would wait for ever
        rotating.result()
    assert commits == ROTATIONS * count
    assert store.server.key_versions == {1 + ROTATIONS: count}


# A revoked user.


@ALL_MODES
def test_a_revoked_user_has_no_grants_and_no_new_version(fill, mode):
    store = fill(mode)
    user = authorise(store)
    access = asking(user, store.server)._access
    revoke(store, user)
    store.owner.rotate()
    assert store.server.grants(user.public_key) == []
    revoked = QueryUser(access, store.server)
    with pytest.raises(StoreInputError, match="key version 2, which you have no grant for"):
        revoked.search(QUERIES, K)
    with pytest.raises(StoreInputError, match="key version 2, which you have no grant for"):
        next(revoked.open_answers(store.ids))
    (served,) = store.server.get(store.ids[:1])
    with pytest.raises(EnvelopeError):
        open_envelope(access.versions, access.policy.store_id, store.ids[0], served.record.envelope)


@ALL_MODES
def test_until_the_rotation_has_ended_a_revoked_user_opens_what_is_not_yet_sealed_anew(fill, mode):
    store = fill(mode)
    user = authorise(store)
    access = asking(user, store.server)._access
    revoke(store, user)
    store.owner.upload(make_pictures([100]), random_codes(3, 1))
    rotate_some(store.owner, 10)
    revoked, opened = QueryUser(access, store.server), []
    for picture_id in store.server.picture_ids:
        try:
            opened.extend(revoked.open_answers([picture_id]))
        except StoreInputError:
            continue
    assert len(opened) == 20
    assert "100.jpg" not in {answer.name for answer in opened}


@ALL_MODES
def test_a_revoked_user_keeps_the_past_as_far_as_somebody_kept_a_copy(fill, mode):
    store = fill(mode)
    user = authorise(store)
    access = asking(user, store.server)._access
    old = copy_of(store, "old.sqlite")
    revoke(store, user)
    store.owner.rotate()
    with CloudServer(old) as server:
        revoked = QueryUser(access, server)
        assert revoked.search(QUERIES, K).ids.tolist() == store.nearest(QUERIES, K)[0]
        opened = [answer.picture for answer in revoked.open_answers(store.ids)]
    assert opened == [picture.source for picture in store.pictures]


def test_in_mode_plain_whoever_reaches_the_server_can_search(fill):
    """No key takes part in a search there; only the pictures are closed to a revoked user."""
    store = fill("plain")
    revoke(store, authorise(store))
    store.owner.rotate()
    found = store.server.search({2: QUERIES}, K)
    assert found.ids.tolist() == store.nearest(QUERIES, K)[0]


def test_in_mode_keyed_a_revoked_user_with_an_old_copy_undoes_the_new_version_too(fill):
    """Ids say which old code became which new one: known pairs, which the transform falls to."""
    store = fill("keyed")
    user = authorise(store)
    access = asking(user, store.server)._access
    old = copy_of(store, "old.sqlite")
    revoke(store, user)
    store.owner.rotate()
    later = random_codes(3, 20)
    store.owner.upload(make_pictures(range(100, 120)), later)

    with CloudServer(old) as server:
        _, rows = server.leaves()
    known = CodeProtection(access.policy, 1, access.versions[1]).reveal(
        [row.code for row in rows], [row.picture_id for row in rows]
    )
    stored = {row.picture_id: row.code for row in store.server.leaves()[1]}
    transformed = bits_of([stored[row.picture_id] for row in rows], known.shape[1])
    undone = np.empty_like(later)
    new = bits_of([stored[store.keys.picture_id(f"{n}.jpg")] for n in range(100, 120)], 6)
    for column, place in zip(new.T, transformed.T, strict=True):
        same, opposite = (place == known.T).all(1), (place != known.T).all(1)
        (bit,) = np.flatnonzero(same | opposite)
        undone[:, bit] = column ^ opposite[bit]
    np.testing.assert_array_equal(undone, later)


def bits_of(stored, bits):
    return np.unpackbits(np.array([list(code) for code in stored], np.uint8), axis=1, count=bits)
