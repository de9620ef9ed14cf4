"""The owner's view of a store: nothing is signed on the word of the server."""

from dataclasses import replace

import pytest
from encrypted_store import copy_of, make_pictures, random_codes, with_another_code

from dlheir.store import (
    CloudServer,
    DataOwner,
    LyingServerError,
    OwnerKeys,
    StoreError,
    StoreInputError,
    UserKeys,
)
from dlheir.store.ledger import Ledger
from dlheir.store.manifest import sign_root, verify_leaves
from dlheir.store.merkle import MerkleTree

WORK = {
    "missing": lambda owner: owner.missing(make_pictures([100])),
    "upload": lambda owner: owner.upload(make_pictures([100]), random_codes(3, 1)),
    "remove": lambda owner: owner.remove(["5.jpg"]),
    "outdated": lambda owner: owner.outdated,
    "rotate": lambda owner: owner.rotate(),
    "grant": lambda owner: owner.grant(UserKeys.generate(bytes(32)).public_key),
}
EVERY_WORK = pytest.mark.parametrize("work", WORK.values(), ids=WORK)


def row_missing(root, rows):
    return root, rows[1:]


def row_added(root, rows):
    return root, [*rows, rows[0]._replace(picture_id=bytes(16))]


def code_changed(root, rows):
    return root, [rows[0]._replace(code=rows[with_another_code(rows)].code), *rows[1:]]


def envelope_changed(root, rows):
    return root, [rows[0]._replace(envelope_hash=rows[1].envelope_hash), *rows[1:]]


def row_twice(root, rows):
    return root, [rows[0]._replace(code=rows[with_another_code(rows)].code), *rows]


def count_changed(root, rows):
    return replace(root, count=root.count - 1), rows


def sequence_raised(root, rows):
    return replace(root, sequence=root.sequence + 1), rows


def signed_by_another(root, rows):
    key = OwnerKeys.generate().signing_key
    return sign_root(key, root.store_id, root.sequence, MerkleTree(rows)), rows


def of_another_store(root, rows):
    return replace(root, store_id=bytes(16)), rows


@pytest.mark.parametrize(
    "lie",
    [
        row_missing,
        row_added,
        code_changed,
        envelope_changed,
        row_twice,
        count_changed,
        sequence_raised,
        signed_by_another,
        of_another_store,
    ],
)
@EVERY_WORK
def test_the_owner_does_nothing_on_a_table_that_the_owner_did_not_sign(fill, liar, work, lie):
    store = fill()
    root, seen = store.server.root, store.keys.seen
    store.keys.start_version()
    server = liar(store.path, leaves=lambda leaves: lie(*leaves()))
    with pytest.raises(LyingServerError):
        work(DataOwner(store.keys, server))
    assert store.server.root == root
    assert store.keys.seen == seen


@EVERY_WORK
def test_the_owner_does_nothing_on_an_old_copy(fill, work):
    store = fill()
    old = copy_of(store, "old.sqlite")
    store.owner.remove(["0.jpg"])
    assert store.keys.seen == 2
    with CloudServer(old) as server:
        with pytest.raises(LyingServerError, match="shows commit 1, but 2 was made"):
            work(DataOwner(store.keys, server))
        assert server.root.sequence == 1
    assert store.keys.seen == 2


def test_a_server_that_confirms_what_it_does_not_store(fill, liar):
    store = fill()
    owner = DataOwner(store.keys, liar(store.path, put=lambda put, *arguments: None))
    owner.upload(make_pictures([100]), random_codes(3, 1))
    with pytest.raises(LyingServerError, match="shows commit 1, but 2 was made"):
        DataOwner(store.keys, store.server).missing([])


def test_a_write_that_failed_was_not_made(fill, liar):
    store = fill()

    def refuse(put, *arguments):
        raise StoreError("the disk is full")

    with pytest.raises(StoreError, match="full"):
        DataOwner(store.keys, liar(store.path, put=refuse)).upload(
            make_pictures([100]), random_codes(3, 1)
        )
    assert store.keys.seen == 1
    Ledger(store.server, store.keys)


def test_keys_from_before_a_kill_take_the_store_as_it_is(fill):
    """The key file is saved after the store: a kill in between leaves the number of seen behind."""
    store = fill()
    store.keys.seen = 0
    ledger = Ledger(store.server, store.keys)
    assert store.keys.seen == ledger.sequence == 1
    assert ledger.leaves.keys() == set(store.ids)


def test_keys_older_than_the_store_write_nothing(fill):
    """They would draw another secret for a version number that is taken."""
    store = fill()
    older = replace(store.keys, versions=dict(store.keys.versions))
    store.keys.start_version()
    store.owner.rotate()
    with pytest.raises(StoreInputError, match="under key version 2, which these keys lack"):
        DataOwner(older, store.server).upload(make_pictures([100]), random_codes(3, 1))
    assert len(store.server) == 30


def test_the_ledger_keeps_step_with_the_store(fill):
    store, keys = fill(), None
    keys = store.keys
    steps = [
        lambda: store.owner.upload(make_pictures(range(30, 40)), random_codes(3, 10), batch_size=4),
        lambda: store.owner.remove(["0.jpg", "35.jpg"]),
        keys.start_version,
        lambda: store.owner.rotate(batch_size=9),
        lambda: store.owner.remove([f"{n}.jpg" for n in range(40) if n not in (0, 35)]),
        lambda: store.owner.upload(make_pictures([0]), random_codes(3, 1)),
    ]
    counts, sequences = [], []
    for step in steps:
        step()
        root, leaves = store.server.leaves()
        tree = verify_leaves(keys.owner_public, keys.policy.store_id, root, leaves)
        ledger = Ledger(store.server, keys)
        assert ledger.leaves == {leaf.picture_id: leaf for leaf in leaves}
        assert keys.seen == ledger.sequence == root.sequence
        counts.append(len(tree))
        sequences.append(root.sequence)
    assert counts == [40, 38, 38, 38, 0, 1]
    assert sequences == [4, 5, 5, 10, 11, 12]


def test_what_comes_next_is_signed_with_the_next_number(fill):
    store = fill(count=3)
    _, rows = store.server.leaves()
    ledger = Ledger(store.server, store.keys)
    added = rows[0]._replace(picture_id=b"another picture.")
    root = ledger.next_root(put=[added], remove=[rows[2].picture_id])
    assert root.sequence == 2
    verify_leaves(store.keys.owner_public, store.keys.policy.store_id, root, [*rows[:2], added])
    again = ledger.next_root(remove=[rows[0].picture_id])
    assert again.sequence == 3
    verify_leaves(store.keys.owner_public, store.keys.policy.store_id, again, [rows[1], added])
