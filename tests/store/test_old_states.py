"""Servers that show what was once true: old copies, old records, two states in one answer.

A user finds out as far back as the highest commit seen (`seen`), and no further.
"""

import pytest
from encrypted_store import ALL_MODES, SERVER_SEARCHES, copy_of, make_pictures, random_codes

from dlheir.store import CloudServer, DataOwner, LyingServerError, StoreError

QUERIES = random_codes(1, 5)
K = 8


@ALL_MODES
def test_an_old_copy_of_the_store_is_refused_by_who_has_seen_more(fill, mode):
    store = fill(mode)
    old = copy_of(store, "old.sqlite")
    store.owner.remove([store.pictures[0].name])
    user = store.user()
    user.search(QUERIES, K)
    assert user.seen == store.server.root.sequence == 2
    with CloudServer(old) as server:
        for complete in (False, True):
            with pytest.raises(LyingServerError, match="commit 1 although 2 was seen"):
                store.user(server, user.seen).search(QUERIES, K, complete)
        with pytest.raises(LyingServerError, match="commit 1 although 2 was seen"):
            next(store.user(server, user.seen).open_answers(store.ids))


@ALL_MODES
def test_an_old_copy_is_not_noticed_by_who_has_seen_nothing(fill, mode):
    """What the root cannot do: THREATS.md, "Rollback for somebody new"."""
    store = fill(mode)
    old = copy_of(store, "old.sqlite")
    store.owner.remove([store.pictures[0].name])
    with CloudServer(old) as server:
        undetected = store.user(server).search(QUERIES, K, complete=True)
        assert undetected.ids.tolist() == store.nearest(QUERIES, K)[0]
        (opened,) = store.user(server).open_answers(store.ids[:1])
    assert opened.picture == store.pictures[0].source


@ALL_MODES
def test_opening_a_picture_counts_as_seeing(fill, mode):
    store = fill(mode)
    old = copy_of(store, "old.sqlite")
    store.owner.remove([store.pictures[0].name])
    user = store.user()
    next(user.open_answers(store.ids[1:]))
    assert user.seen == 2
    with CloudServer(old) as server, pytest.raises(LyingServerError, match="old copy"):
        store.user(server, user.seen).search(QUERIES, K)


def rotated(store):
    store.keys.start_version()
    store.owner.rotate()


def exchanged(store):
    """The name is the same, and so is the id; the picture is another."""
    store.owner.remove([store.pictures[0].name])
    store.owner.upload([store.pictures[0]._replace(source=b"exchanged")], store.codes[:1])


def removed(store):
    store.owner.remove([store.pictures[0].name])


@ALL_MODES
@pytest.mark.parametrize("change", [rotated, exchanged, removed])
@pytest.mark.parametrize("parts", [(), ("root",), ("root", "proof")])
def test_an_older_record_of_the_same_picture(fill, liar, mode, change, parts):
    """With its own proof and root, or with newer ones."""
    store = fill(mode)
    (old,) = store.server.get(store.ids[:1])
    change(store)
    (new,) = store.server.get(store.ids[-1:] if change is removed else store.ids[:1])
    newer = {part: getattr(new, part) for part in parts}
    server = liar(store.path, get=lambda get, ids: iter([old._replace(**newer)]))
    user = store.user(server, seen=store.keys.seen)
    with pytest.raises(LyingServerError):
        next(user.open_answers(store.ids[:1]))


@SERVER_SEARCHES
def test_a_removed_picture_among_the_answers(fill, liar, mode):
    store = fill(mode)
    old = CloudServer(copy_of(store, "old.sqlite"))
    removed(store)

    def search(search, trapdoors, k):
        return old.search(trapdoors, k)._replace(root=store.server.root)

    with old:
        server = liar(store.path, search=search, prove=lambda prove, ids: old.prove(ids))
        with pytest.raises(LyingServerError, match="old copy"):
            store.user(server).search(QUERIES, len(store.ids) - 1)


def another(server):
    """Answer as another server does."""
    return lambda method, *arguments: getattr(server, method.__name__)(*arguments)


@SERVER_SEARCHES
def test_answers_of_two_moments_in_one(fill, liar, mode):
    """A picture that was removed and one that came later were never there together."""
    store = fill(mode)
    first = min(store.ids)  # proofs are looked at in the order of ids, so roots go up
    old = CloudServer(copy_of(store, "old.sqlite"))
    store.owner.remove([store.pictures[store.ids.index(first)].name])
    k = len(store.ids) - 1

    def prove(prove, ids):
        return [*old.prove(ids[:1]), *prove(ids[1:])]

    query = store.codes[[store.ids.index(first)]]
    with old:
        server = liar(store.path, witnesses=another(old), search=another(old), prove=prove)
        user = store.user(server)
        with pytest.raises(LyingServerError, match="different moments"):
            user.search(query, k)


@SERVER_SEARCHES
def test_the_number_of_answers_of_an_older_moment(fill, liar, mode):
    """What the server wants left out, it could once not have had."""
    store = fill(mode, count=3)
    old = CloudServer(copy_of(store, "old.sqlite"))
    later = make_pictures(range(3, 30))
    store.owner.upload(later, random_codes(2, len(later)))
    with old:
        server = liar(store.path, witnesses=another(old), search=another(old))
        with pytest.raises(StoreError, match="written to meanwhile; ask again"):
            store.user(server).search(QUERIES, K)


@pytest.fixture
def forked(fill, liar):
    """A store, and another state of it that the owner signed as the same commit.

    The server said that it could not take the first upload, kept it nevertheless, and the owner
    changed plans.
    """
    store = fill()
    fork = CloudServer(copy_of(store, "fork.sqlite"))

    def refuse(put, records, root):
        fork.put(records, root)
        raise StoreError("the disk is full")

    owner = DataOwner(store.keys, liar(store.path, put=refuse))
    with pytest.raises(StoreError, match="full"):
        owner.upload(make_pictures([100]), store.codes[:1])
    store.owner.upload(make_pictures([200]), store.codes[:1])
    assert fork.root.sequence == store.server.root.sequence == 2
    with fork:
        yield store, fork


def test_two_states_of_one_commit_are_noticed_by_who_sees_both(forked, liar):
    store, fork = forked
    lies = {name: another(fork) for name in ("witnesses", "search", "prove")}
    server = liar(store.path, **lies)
    user = store.user(server)
    user.search(QUERIES, K)
    for ask in (
        lambda: user.search(QUERIES, K, complete=True),
        lambda: next(user.open_answers(store.ids)),
    ):
        with pytest.raises(LyingServerError, match="two states of the store as commit 2"):
            ask()


def test_two_states_of_one_commit_are_not_noticed_by_who_kept_its_number_alone(forked):
    """What is left of a session is `seen`."""
    store, fork = forked
    user = store.user()
    user.search(QUERIES, K)
    again = store.user(fork, user.seen)
    answers = again.search(QUERIES, len(fork), complete=True)
    assert store.keys.picture_id("100.jpg") in answers.ids


def test_a_table_of_another_moment_than_the_answers_proves_nothing(fill, liar):
    store = fill()

    def written_meanwhile(leaves):
        removed(store)
        return leaves()

    user = store.user(liar(store.path, leaves=written_meanwhile))
    with pytest.raises(StoreError, match="written to meanwhile; ask again"):
        user.search(QUERIES, K, complete=True)
