"""The data owner changes keys: what is sealed anew, in which pieces, and who gets the new ones."""

import pytest
from encrypted_store import (
    ALL_MODES,
    everything,
    make_pictures,
    opened_by,
    random_codes,
    rotate_some,
)

from dlheir.store import (
    CloudServer,
    DataOwner,
    QueryUser,
    StoreError,
    UserKeys,
    open_grants,
)


@ALL_MODES
@pytest.mark.parametrize("outside", [False, True], ids=["in the file", "blobs outside"])
def test_rotation_changes_every_sealed_byte_and_no_answer(fill, tmp_path, mode, outside):
    if outside:
        (tmp_path / "blobs").mkdir()
    store, done = fill(mode, blobs="blobs" if outside else None), []
    before, records = everything(store), [s.record for s in store.server.get(store.ids)]
    assert store.owner.outdated == 0
    assert store.keys.start_version() == 2
    assert store.owner.outdated == 30
    store.owner.rotate(batch_size=8, progress=done.append)
    assert done == [8, 8, 8, 6]
    assert store.owner.outdated == 0
    assert store.server.key_versions == {2: 30}
    assert everything(store) == before
    for old, new in zip(records, store.server.get(store.ids), strict=True):
        assert new.record.envelope[10:] != old.envelope[10:]
        assert new.record.mac != old.mac
        assert mode != "client" or new.record.code != old.code
    assert list(store.server.damage()) == []
    store.keys.versions.pop(1)  # nothing needs the old key any more
    assert everything(store) == before


@ALL_MODES
def test_an_interrupted_rotation_goes_on_where_it_was(fill, mode):
    store = fill(mode)
    before = everything(store)
    store.keys.start_version()
    rotate_some(store.owner, 11)
    assert store.server.key_versions == {1: 19, 2: 11}
    assert everything(store) == before
    done = []
    with CloudServer(store.path) as server:
        resumed = DataOwner(store.keys, server)
        assert resumed.outdated == 19
        resumed.rotate(progress=done.append)
    assert sum(done) == 19
    assert store.server.key_versions == {2: 30}
    assert everything(store) == before


def test_two_versions_behind_is_brought_up_at_once(fill):
    store = fill()
    before = everything(store)
    store.keys.start_version()
    rotate_some(store.owner, 10)
    store.keys.start_version()
    rotate_some(store.owner, 5)
    assert len(store.server.key_versions) == 3
    assert everything(store) == before
    store.owner.rotate()
    assert store.server.key_versions == {3: 30}
    assert everything(store) == before


def test_without_a_new_version_rotation_does_nothing(fill):
    store = fill()
    root = store.server.root
    store.owner.rotate()
    assert store.server.root == root


def test_new_pictures_go_under_the_new_version_at_once(fill):
    store = fill()
    store.keys.start_version()
    store.owner.upload(make_pictures([100]), random_codes(3, 1))
    assert store.server.key_versions == {1: 30, 2: 1}


def test_users_have_their_grants_before_the_first_picture_needs_them(fill, liar):
    store, order = fill(), []
    users = [UserKeys.generate(store.keys.owner_public) for _ in range(2)]
    store.keys.users = {str(n): user.public_key for n, user in enumerate(users)}

    def note(what):
        def noting(method, *arguments):
            order.append(what)
            return method(*arguments)

        return noting

    server = liar(store.path, put_grant=note("grant"), replace=note("replace"))
    store.keys.start_version()
    DataOwner(store.keys, server).rotate(batch_size=10)
    assert order == ["grant"] * 4 + ["replace"] * 3  # both versions for both users
    for user in users:
        access = open_grants(user, store.server.grants(user.public_key))
        assert access.versions == store.keys.versions
        assert len(opened_by(QueryUser(access, store.server), store.ids)) == 30


def test_after_a_rotation_a_new_user_gets_the_new_version_alone(fill):
    store = fill()
    store.keys.start_version()
    store.owner.rotate()
    user = UserKeys.generate(store.keys.owner_public)
    store.owner.grant(user.public_key)
    access = open_grants(user, store.server.grants(user.public_key))
    assert access.versions == {2: store.keys.versions[2]}


def test_in_an_empty_store_a_user_gets_the_primary_version(fill):
    store = fill(count=0)
    user = UserKeys.generate(store.keys.owner_public)
    store.owner.grant(user.public_key)
    assert open_grants(user, store.server.grants(user.public_key)).versions == store.keys.versions


def test_a_damaged_picture_stops_the_rotation_and_earlier_batches_stand(fill, tmp_path):
    (tmp_path / "blobs").mkdir()
    store = fill(blobs="blobs")
    damaged = sorted(store.ids)[6]
    (leaf,) = [row.leaf for row in store.server.prove([damaged])]
    name = leaf.envelope_hash.hex()
    (tmp_path / "blobs" / name[:2] / name).write_bytes(b"damaged")
    store.keys.start_version()
    with pytest.raises(StoreError, match=name):
        store.owner.rotate(batch_size=2)
    assert store.server.key_versions == {1: 24, 2: 6}
    store.owner.remove([store.pictures[store.ids.index(damaged)].name])
    store.owner.rotate()
    assert store.server.key_versions == {2: 29}
