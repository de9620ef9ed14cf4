"""The data owner: what is uploaded, in which order and pieces, and what is removed."""

import hmac
import io
from hashlib import sha256

import numpy as np
import pytest
from encrypted_store import (
    ALL_MODES,
    BITS,
    everything,
    make_pictures,
    opened_by,
    random_codes,
    rotate_some,
)
from PIL import Image

from dlheir.errors import InputError
from dlheir.store import (
    CloudServer,
    ConflictError,
    DataOwner,
    Picture,
    StoreError,
    StoreInputError,
)
from dlheir.store.content import padme
from dlheir.store.envelope import OVERHEAD

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
