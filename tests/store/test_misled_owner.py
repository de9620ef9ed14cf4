"""An owner before a lying server, or with the wrong keys: nothing is signed for."""

from dataclasses import replace

import pytest
from encrypted_store import (
    ALL_MODES,
    BITS,
    make_pictures,
    random_codes,
    with_another_code,
)

from dlheir.store import (
    CloudServer,
    DataOwner,
    LyingServerError,
    OwnerKeys,
    Picture,
    StoreInputError,
    UserKeys,
    new_policy,
    open_grants,
)
from dlheir.store.protection import CodeProtection


def codes_swapped(get, ids):
    served = list(get(ids))
    records = [one.record for one in served]
    other = with_another_code(records)
    for place, record in ((0, records[other]), (other, records[0])):
        served[place] = served[place]._replace(record=records[place]._replace(code=record.code))
    yield from served


def pictures_swapped(get, ids):
    first, second, *rest = get(ids)
    yield from (second, first, *rest)


def one_picture_less(get, ids):
    yield from list(get(ids))[:-1]


def one_picture_more(get, ids):
    yield from [*get(ids), *get(ids[:1])]


@ALL_MODES
@pytest.mark.parametrize(
    "lie", [codes_swapped, pictures_swapped, one_picture_less, one_picture_more]
)
def test_the_owner_seals_anew_only_what_was_uploaded(fill, liar, mode, lie):
    """Else the owner would sign for what the server made of it."""
    store = fill(mode)
    root = store.server.root
    store.keys.start_version()
    with pytest.raises(LyingServerError):
        DataOwner(store.keys, liar(store.path, get=lie)).rotate()
    assert store.server.root == root


def test_an_older_record_of_the_same_picture_is_not_sealed_anew(fill, liar):
    store = fill()
    (old,) = store.server.get(store.ids[:1])
    store.owner.remove(["0.jpg"])
    store.owner.upload([Picture("0.jpg", b"another")], store.codes[:1])

    def replay(get, ids):
        for served in get(ids):
            yield old if served.record.picture_id == store.ids[0] else served

    store.keys.start_version()
    with pytest.raises(LyingServerError, match=store.ids[0].hex()):
        DataOwner(store.keys, liar(store.path, get=replay)).rotate()


class ClaimsVersions(CloudServer):
    """Says that pictures are still under versions that they left, or never were under."""

    @property
    def key_versions(self):
        return {1: 10, 2: 20, 9: 1}


def test_a_server_cannot_have_an_old_version_granted_to_a_new_user(fill):
    """With the old key and the server's old copies, the new user would open what was removed."""
    store = fill()
    store.keys.start_version()
    store.owner.rotate()
    user = UserKeys.generate(store.keys.owner_public)
    with ClaimsVersions(store.path) as server:
        DataOwner(store.keys, server).grant(user.public_key)
    access = open_grants(user, store.server.grants(user.public_key))
    assert access.versions == {2: store.keys.versions[2]}


def test_what_the_server_says_of_itself_later_does_not_count(fill):
    """Mode and store are those of the keys."""
    store, code = fill("keyed"), random_codes(3, 1)
    store.server.policy = replace(store.keys.policy, mode="plain", store_id=bytes(16))
    (picture_id,) = store.owner.upload(make_pictures([100]), code).ids
    (leaf,) = [row.leaf for row in store.server.prove([picture_id])]
    protection = CodeProtection(store.keys.policy, 1, store.keys.versions[1])
    assert [leaf.code] == protection.protect(code, [picture_id])
    with CloudServer(store.path) as server:
        (opened,) = store.user(server).open_answers([picture_id])
    assert opened.picture == make_pictures([100])[0].source


def test_keys_of_another_store(fill, tmp_path):
    store, other = fill(), OwnerKeys.generate()
    with pytest.raises(StoreInputError, match="belong to no store yet"):
        DataOwner(other, store.server)
    with pytest.raises(StoreInputError, match="not the store of these keys"):
        DataOwner(other.bind(new_policy(BITS, "keyed")), store.server)
