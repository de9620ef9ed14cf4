"""The data owner: what is uploaded, in which order and pieces, and how keys change."""

import hmac
import io
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
from encrypted_store import (
    ALL_MODES,
    BITS,
    make_pictures,
    random_codes,
    rotate_some,
    with_another_code,
)
from PIL import Image

from dlheir.errors import InputError
from dlheir.store import (
    CloudServer,
    ConflictError,
    DataOwner,
    LyingServerError,
    OwnerKeys,
    Picture,
    QueryUser,
    StoreError,
    StoreInputError,
    UserKeys,
    new_policy,
    open_grants,
)
from dlheir.store.content import padme
from dlheir.store.envelope import OVERHEAD
from dlheir.store.protection import CodeProtection


def opened_by(user, ids):
    return {answer.name: answer.picture for answer in user.open_answers(ids)}


def everything(store):
    """Name and picture of all that the store holds, and each picture's code, as a user sees it."""
    user, ids = store.user(), store.server.picture_ids
    found = user.search(random_codes(1, 3), 10_000)
    assert sorted(found.ids[0]) == ids
    return opened_by(user, ids), found.ids.tolist(), found.distances.tolist()


# Upload.


@ALL_MODES
def test_files_come_back_as_they_were(fill, tmp_path, mode):
    store, files = fill(mode, count=0), []
    for number in range(4):
        files.append(tmp_path / f"{number}.jpg")
        Image.new("RGB", (20 + number, 20), (8 * number, 99, 0)).save(files[-1])
    pictures = [Picture(f"holiday/{file.name}", file) for file in files]
    store.owner.upload(pictures, random_codes(0, 4))
    answers = opened_by(store.user(), store.server.picture_ids)
    assert answers == {f"holiday/{file.name}": file.read_bytes() for file in files}
    assert Image.open(io.BytesIO(answers["holiday/3.jpg"])).size == (23, 20)


def test_the_upload_says_what_it_did(fill):
    store, stored = fill(count=0), []
    pictures = make_pictures(range(30))
    done = store.owner.upload(pictures, random_codes(0, 30), batch_size=8, progress=stored.append)
    assert stored == [8, 8, 8, 6]
    assert len(store.server) == 30
    assert store.server.root.sequence == 4
    assert done.ids == [store.keys.picture_id(picture.name) for picture in pictures]
    assert done.plain_bytes == sum(len(picture.source) for picture in pictures)
    contents = [2 + len(p.name) + 8 + len(p.source) for p in pictures]
    assert done.sealed_bytes == sum(padme(length) + OVERHEAD for length in contents)
    assert done.sealing_seconds > 0
    assert done.upload_seconds > 0


def test_an_id_is_a_keyed_hash_of_the_name(fill):
    store = fill(count=0)
    names = ["a/1.jpg", "a/2.jpg", "b/1.jpg", "Grüße.png"]
    ids = store.owner.upload([Picture(name, b"p") for name in names], random_codes(0, 4)).ids
    assert ids == [
        hmac.digest(store.keys.naming_key, name.encode(), "sha256")[:16] for name in names
    ]


def test_uploads_arrive_in_the_order_of_ids_whatever_order_they_were_given_in(fill, liar):
    store, arrived = fill(count=0), []

    def note(put, records, root):
        arrived.extend(record.picture_id for record in records)
        put(records, root)

    owner = DataOwner(store.keys, liar(store.path, put=note))
    ids = owner.upload(make_pictures(range(50)), random_codes(0, 50), batch_size=7).ids
    assert arrived == sorted(ids) != ids


def test_two_stores_of_the_same_pictures_share_no_id_and_no_sealed_byte(fill):
    stores = [fill(name=name) for name in ("a.sqlite", "b.sqlite")]
    served = [[s.record for s in store.server.get(store.ids)] for store in stores]
    for first, second in zip(*served, strict=True):
        assert first.picture_id != second.picture_id
        assert first.envelope[10:] != second.envelope[10:]
        assert first.mac != second.mac


def test_a_name_that_is_not_utf_8(fill):
    store = fill(count=0)
    with pytest.raises(InputError, match="rename the file"):
        store.owner.upload([Picture("\udcff.jpg", b"p")], random_codes(0, 1))


@pytest.mark.parametrize(
    ("pictures", "codes", "options", "what"),
    [
        (make_pictures([1]), random_codes(0, 2), {}, "1 pictures with 2 codes"),
        (make_pictures([1]), random_codes(0, 1, BITS + 1), {}, "7 bits, expected 6"),
        (make_pictures([1]), random_codes(0, 1) + 2, {}, "other than 0 and 1"),
        (make_pictures([1]), random_codes(0, 1), {"batch_size": 0}, "batch_size: 0"),
        (make_pictures([1]), random_codes(0, 1), {"batch_size": -1}, "batch_size: -1"),
        (make_pictures([1, 2, 1]), random_codes(0, 3), {}, r"a picture named 1\.jpg already"),
    ],
)
def test_what_cannot_be_uploaded_is_refused_whole_in_one_line(fill, pictures, codes, options, what):
    store = fill(count=0)
    with pytest.raises(InputError, match=what) as error:
        store.owner.upload(pictures, codes, **options)
    assert "\n" not in str(error.value)
    assert len(store.server) == 0
    assert store.server.root.sequence == 0


def test_a_name_that_the_store_holds_is_refused_with_everything_beside_it(fill):
    store = fill(count=3)
    with pytest.raises(StoreInputError, match=r"holds a picture named 2\.jpg already"):
        store.owner.upload(make_pictures([3, 4, 2]), random_codes(0, 3), batch_size=1)
    assert len(store.server) == 3


def test_nothing_to_upload_is_no_commit(fill):
    store = fill(count=0)
    assert store.owner.upload([], np.empty((0, BITS), dtype=np.uint8)).ids == []
    assert store.server.root.sequence == 0


def test_after_an_unreadable_file_earlier_batches_stand_and_the_rest_can_follow(fill, tmp_path):
    store = fill(count=0)
    pictures = make_pictures(range(9))
    by_id = sorted(pictures, key=lambda picture: store.keys.picture_id(picture.name))
    gone = by_id[5]
    broken = [p._replace(source=tmp_path / "gone.jpg") if p == gone else p for p in pictures]
    codes = random_codes(0, 9)
    with pytest.raises(InputError, match=r"gone\.jpg: cannot be read \(No such file"):
        store.owner.upload(broken, codes, batch_size=2)
    assert len(store.server) == 4
    rest = store.owner.missing(pictures)
    assert rest == by_id[4:]
    store.owner.upload(rest, codes[[pictures.index(picture) for picture in rest]])
    assert everything(store)[0] == {p.name: p.source for p in pictures}
    assert store.owner.missing(pictures) == []


def test_after_a_failed_write_the_same_owner_goes_on(fill, liar):
    store, faults = fill(), [StoreError("the disk is full")]

    def refuse_once(put, records, root):
        if faults:
            raise faults.pop()
        put(records, root)

    owner = DataOwner(store.keys, liar(store.path, put=refuse_once))
    with pytest.raises(StoreError, match="full"):
        owner.upload(make_pictures([100]), random_codes(3, 1))
    owner.upload(make_pictures([200]), random_codes(3, 1))
    assert owner.missing(make_pictures([100, 200])) == make_pictures([100])
    assert list(store.server.damage()) == []


def test_who_writes_second_is_told_so_and_may_try_again(fill):
    store = fill()
    with CloudServer(store.path) as server:
        second = DataOwner(store.keys, server)
        assert second.missing(store.pictures) == []  # it has read the table
        store.owner.upload(make_pictures([100]), random_codes(3, 1))
        with pytest.raises(ConflictError, match="written to since it was read"):
            second.upload(make_pictures([200]), random_codes(3, 1))
        second.upload(make_pictures([200]), random_codes(3, 1))
    assert len(store.server) == 32


def test_who_rotates_second_is_told_so_and_goes_on(fill):
    """What the other has sealed anew is no lie of the server's."""
    store = fill()
    store.keys.start_version()
    with CloudServer(store.path) as server:
        second = DataOwner(store.keys, server)
        assert second.outdated == 30  # it has read the table
        rotate_some(store.owner, 20)
        with pytest.raises(ConflictError, match="written to since it was read"):
            second.rotate()
        assert second.outdated == 10
        second.rotate()
    assert store.server.key_versions == {2: 30}


def test_the_table_is_read_once(fill, liar):
    store, read = fill(), []

    def note(leaves):
        read.append("leaves")
        return leaves()

    owner = DataOwner(store.keys, liar(store.path, leaves=note))
    owner.upload(make_pictures([100, 101]), random_codes(3, 2), batch_size=1)
    owner.remove(["0.jpg", "100.jpg"], batch_size=1)
    store.keys.start_version()
    owner.rotate(batch_size=10)
    assert read == ["leaves"]


def test_what_a_killed_writer_left_outside_is_swept_away(fill, tmp_path):
    (tmp_path / "blobs").mkdir()
    store = fill(blobs="blobs", count=3)
    left = tmp_path / "blobs" / sha256(b"left").hexdigest()[:2] / sha256(b"left").hexdigest()
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(b"left")
    DataOwner(store.keys, store.server).missing([])
    assert not left.exists()
    assert len(opened_by(store.user(), store.ids)) == 3


def test_missing_keeps_the_order_of_ids(fill):
    store = fill(count=10)
    wanted = make_pictures(range(5, 25))
    missing = store.owner.missing(wanted)
    ids = [store.keys.picture_id(picture.name) for picture in missing]
    assert ids == sorted(ids)
    assert sorted(missing) == sorted(make_pictures(range(10, 25)))


# Removal.


@ALL_MODES
def test_removed_pictures_are_gone_and_the_others_stay(fill, mode):
    store, done = fill(mode), []
    names = [picture.name for picture in store.pictures[:7]]
    store.owner.remove(names, batch_size=3, progress=done.append)
    assert done == [3, 3, 1]
    pictures, found, _ = everything(store)
    assert pictures == {picture.name: picture.source for picture in store.pictures[7:]}
    assert not set(store.ids[:7]) & set(found[0])
    assert list(store.server.damage()) == []


@pytest.mark.parametrize(
    ("unknown", "called"),
    [("nobody.jpg", r"named nobody\.jpg"), (bytes(16), "0" * 32), ("00" * 16, "named 00")],
)
def test_an_unknown_name_stops_the_whole_removal(fill, unknown, called):
    store = fill()
    with pytest.raises(StoreInputError, match=f"holds no picture {called}"):
        store.owner.remove(["0.jpg", unknown], batch_size=1)
    assert len(store.server) == 30


def test_a_picture_can_be_removed_by_its_id(fill):
    store = fill()
    store.owner.remove([store.ids[7], "8.jpg"])
    assert store.owner.missing(store.pictures) == sorted(
        store.pictures[7:9], key=lambda picture: store.keys.picture_id(picture.name)
    )


def test_a_picture_given_twice_is_removed_once(fill):
    store = fill()
    store.owner.remove(["0.jpg", "0.jpg", store.ids[0]])
    assert len(store.server) == 29


@pytest.mark.parametrize("batch_size", [0, -1])
def test_batches_of_nothing(fill, batch_size):
    store = fill()
    with pytest.raises(InputError, match="batch_size"):
        store.owner.remove(["0.jpg"], batch_size=batch_size)
    store.keys.start_version()
    with pytest.raises(InputError, match="batch_size"):
        store.owner.rotate(batch_size=batch_size)


def test_a_removed_name_can_come_back_as_another_picture(fill):
    store = fill()
    store.owner.remove(["0.jpg"])
    store.owner.upload([Picture("0.jpg", b"another")], random_codes(9, 1))
    assert opened_by(store.user(), store.ids[:1]) == {"0.jpg": b"another"}


# Rotation.


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


# Lies to the owner.


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
        opened = opened_by(store.user(server), [picture_id])
    assert opened == {"100.jpg": make_pictures([100])[0].source}


def test_keys_of_another_store(fill, tmp_path):
    store, other = fill(), OwnerKeys.generate()
    with pytest.raises(StoreInputError, match="belong to no store yet"):
        DataOwner(other, store.server)
    with pytest.raises(StoreInputError, match="not the store of these keys"):
        DataOwner(other.bind(new_policy(BITS, "keyed")), store.server)
