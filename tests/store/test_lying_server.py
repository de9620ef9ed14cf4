"""Servers that lie, each in one way, and what their users find out; also what they cannot."""

import secrets
from dataclasses import replace

import numpy as np
import pytest
from encrypted_store import ALL_MODES, BITS, SERVER_SEARCHES, random_codes, with_another_code

from dlheir.store import (
    CloudServer,
    EnvelopeError,
    GrantError,
    LyingServerError,
    OwnerKeys,
    QueryUser,
    Record,
    StoreInputError,
    UserKeys,
    make_grant,
    open_grants,
    seal,
)
from dlheir.store.content import encode_content
from dlheir.store.envelope import envelope_tag
from dlheir.store.errors import StaleTrapdoorError
from dlheir.store.manifest import sign_root
from dlheir.store.merkle import MerkleTree
from dlheir.store.protection import CodeProtection

QUERIES = random_codes(1, 5)
K = 8


# About the answers of a search.


def wrong_distance(search, trapdoors, k):
    found = search(trapdoors, k)
    found.distances[2, -1] += 1
    return found


def wrong_order(search, trapdoors, k):
    """Genuine answers at their own distances, two of them in each other's place."""
    found = search(trapdoors, k)
    row = np.flatnonzero(found.distances[:, 0] < found.distances[:, -1])[0]
    for array in found[:2]:
        array[row, [0, -1]] = array[row, [-1, 0]]
    return found


def wrong_order_of_a_tie(search, trapdoors, k):
    found = search(trapdoors, k)
    row, column = np.argwhere(np.diff(found.distances) == 0)[0]
    found.ids[row, [column, column + 1]] = found.ids[row, [column + 1, column]]
    return found


def an_answer_twice(search, trapdoors, k):
    found = search(trapdoors, k)
    for array in found[:2]:
        array[1, -1] = array[1, -2]
    return found


def fewer_answers(search, trapdoors, k):
    return search(trapdoors, k - 1)


def more_answers(search, trapdoors, k):
    return search(trapdoors, k + 1)


def no_answers(search, trapdoors, k):
    found = search(trapdoors, k)
    return found._replace(ids=found.ids[:, :0], distances=found.distances[:, :0])


def no_answers_as_there_are_no_pictures(search, trapdoors, k):
    found = no_answers(search, trapdoors, k)
    return found._replace(root=replace(found.root, count=0))


def answers_to_fewer_queries(search, trapdoors, k):
    found = search(trapdoors, k)
    return found._replace(ids=found.ids[:-1], distances=found.distances[:-1])


def fewer_distances_than_ids(search, trapdoors, k):
    found = search(trapdoors, k)
    return found._replace(distances=found.distances[:, :-1])


def answers_to_another_query(search, trapdoors, k):
    found = search(trapdoors, k)
    return found._replace(ids=found.ids[::-1], distances=found.distances[::-1])


def distances_that_are_booleans(search, trapdoors, k):
    """True equals any distance but 0 once that is a boolean, too: ids alone would decide."""
    found = search(trapdoors, len(search.__self__))
    apart = [sorted(row[at > 0])[:k] for row, at in zip(*found[:2], strict=True)]
    ids = np.array(apart, dtype=object)
    return found._replace(ids=ids, distances=np.ones(ids.shape, dtype=bool))


@SERVER_SEARCHES
@pytest.mark.parametrize(
    "lie",
    [
        wrong_distance,
        wrong_order,
        wrong_order_of_a_tie,
        an_answer_twice,
        fewer_answers,
        more_answers,
        no_answers,
        no_answers_as_there_are_no_pictures,
        answers_to_fewer_queries,
        fewer_distances_than_ids,
        answers_to_another_query,
        distances_that_are_booleans,
    ],
)
def test_answers_that_are_not_the_pictures_at_their_distances(fill, liar, mode, lie):
    store = fill(mode)
    assert store.user().search(QUERIES, K).ids.tolist() == store.nearest(QUERIES, K)[0]
    with pytest.raises(LyingServerError):
        store.user(liar(store.path, search=lie)).search(QUERIES, K)


def omits_the_nearest(search, trapdoors, k):
    """The other answers move up: each is genuine, at its distance, in order."""
    found = search(trapdoors, k + 1)
    return found._replace(ids=found.ids[:, 1:], distances=found.distances[:, 1:])


@SERVER_SEARCHES
def test_an_omission_is_found_out_by_the_whole_table_alone(fill, liar, mode):
    store = fill(mode)
    user = store.user(liar(store.path, search=omits_the_nearest))
    ids, distances = store.nearest(QUERIES, K + 1)
    undetected = user.search(QUERIES, K)
    assert undetected.ids.tolist() == [row[1:] for row in ids]
    assert undetected.distances.tolist() == [row[1:] for row in distances]
    with pytest.raises(LyingServerError, match="left answers out"):
        user.search(QUERIES, K, complete=True)


def test_in_mode_client_there_is_nobody_who_could_omit_an_answer(fill, liar):
    store = fill("client")

    def never(search, *_):
        raise AssertionError("the server was asked")

    user = store.user(liar(store.path, search=never, prove=never))
    assert user.search(QUERIES, K).ids.tolist() == store.nearest(QUERIES, K)[0]


# About the rows behind the answers.


def codes_swapped(prove, ids):
    proven = prove(ids)
    leaves = [row.leaf for row in proven]
    other = with_another_code(leaves)
    for place, leaf in ((0, leaves[other]), (other, leaves[0])):
        proven[place] = proven[place]._replace(leaf=leaves[place]._replace(code=leaf.code))
    return proven


def key_version_changed(prove, ids):
    return [row._replace(leaf=row.leaf._replace(key_version=2)) for row in prove(ids)]


def key_version_that_is_none(prove, ids):
    return [row._replace(leaf=row.leaf._replace(key_version=2**32)) for row in prove(ids)]


def fewer_rows(prove, ids):
    return prove(ids)[:-1]


def more_rows(prove, ids):
    return [*prove(ids), *prove(ids[:1])]


def rows_of_others(prove, ids):
    return prove(ids)[::-1]


@SERVER_SEARCHES
@pytest.mark.parametrize(
    "lie",
    [
        codes_swapped,
        key_version_changed,
        key_version_that_is_none,
        fewer_rows,
        more_rows,
        rows_of_others,
    ],
)
def test_rows_that_the_owner_did_not_sign_for(fill, liar, mode, lie):
    store = fill(mode)
    store.keys.start_version()  # a key that the user holds, so that this is not what stops the lie
    with pytest.raises(LyingServerError):
        store.user(liar(store.path, prove=lie)).search(QUERIES, K)


@SERVER_SEARCHES
def test_a_picture_that_was_never_uploaded_cannot_borrow_anothers_row(fill, liar, mode):
    """In a tree of one leaf the leaf is the root, whatever id leads there."""
    store = fill(mode, count=1)
    invented = secrets.token_bytes(16)

    def search(search, trapdoors, k):
        found = search(trapdoors, k)
        found.ids[:] = invented
        return found

    server = liar(store.path, search=search, prove=lambda prove, ids: prove(store.ids))
    with pytest.raises(LyingServerError, match=invented.hex()):
        store.user(server).search(QUERIES, K)


# About everything at once: a server that changes its rows and proves what it made of them.


@pytest.fixture
def doctored(tmp_path):
    """A truthful server over other records: its tree, its proofs and its search fit them."""
    opened = []

    def doctored(store, change, vouch=lambda store, tree, root: root) -> CloudServer:
        records = change([served.record for served in store.server.get(sorted(store.ids))])
        root = vouch(store, MerkleTree(record.leaf for record in records), store.server.root)
        path = tmp_path / f"doctored{len(opened)}.sqlite"
        before = replace(root, sequence=root.sequence - 1)  # the server holds commits to that much
        opened.append(CloudServer.create(path, store.keys.policy, before))
        opened[-1].put(records, root)
        return opened[-1]

    yield doctored
    for server in opened:
        server.close()


def exchange(*fields):
    """Exchange some fields of two records, one of them the first."""

    def change(records):
        other = with_another_code(records)
        changed = list(records)
        for place, record in ((0, records[other]), (other, records[0])):
            others = {field: getattr(record, field) for field in fields}
            changed[place] = records[place]._replace(**others)
        return changed

    return change


def change_first(**fields):
    return lambda records: [records[0]._replace(**fields), *records[1:]]


def another_code(records):
    return change_first(code=records[with_another_code(records)].code)(records)


CHANGES = {
    "codes exchanged": exchange("code"),
    "codes and their MACs exchanged": exchange("code", "mac"),
    "sealed pictures exchanged": exchange("envelope"),
    "everything but the ids exchanged": exchange("code", "mac", "envelope"),
    "another code": another_code,
    "another MAC": change_first(mac=bytes(32)),
    "another key version": change_first(key_version=2),
    "another sealed picture": change_first(envelope=secrets.token_bytes(200)),
    "a row missing": lambda records: records[1:],
    "a row added": lambda records: [records[0]._replace(picture_id=bytes(16)), *records],
    "a row under another id": change_first(picture_id=bytes(16)),
}


@ALL_MODES
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_records_that_the_owner_did_not_sign_for(fill, doctored, mode, change):
    store = fill(mode)
    store.keys.start_version()
    server = doctored(store, change)
    with pytest.raises(LyingServerError):
        store.user(server).search(QUERIES, K)
    for picture_id in server.picture_ids[:2]:
        with pytest.raises(LyingServerError):
            next(store.user(server).open_answers([picture_id]))


def new_hash(store, tree, root):
    return replace(root, root=tree.root, count=len(tree))


def signed_by_another(store, tree, root):
    other = OwnerKeys.generate()
    return sign_root(other.signing_key, root.store_id, root.sequence, tree)


def signed_for_another_store(store, tree, root):
    return sign_root(store.keys.signing_key, secrets.token_bytes(16), root.sequence, tree)


def signed_for_another_store_and_renamed(store, tree, root):
    return replace(signed_for_another_store(store, tree, root), store_id=root.store_id)


@ALL_MODES
@pytest.mark.parametrize(
    "vouch",
    [
        new_hash,
        signed_by_another,
        signed_for_another_store,
        signed_for_another_store_and_renamed,
    ],
)
def test_roots_that_the_owner_did_not_sign_for_this_store(fill, doctored, mode, vouch):
    store = fill(mode)
    server = doctored(store, exchange("code"), vouch)
    user = store.user(server)
    with pytest.raises(LyingServerError, match="signed root"):
        user.search(QUERIES, K)
    with pytest.raises(LyingServerError, match="signed root"):
        next(user.open_answers(server.picture_ids))


def record_like(store, picture_id, key_version=1, key=None, picture=b"forged"):
    """Seal and protect a picture as the owner would, as far as keys go."""
    policy, key = store.keys.policy, key or store.keys.versions[key_version]
    protection = CodeProtection(policy, key_version, key)
    (code,) = protection.protect(np.zeros((1, BITS), dtype=np.uint8), [picture_id])
    content = encode_content("forged.jpg", picture)
    envelope = seal(key, key_version, policy.store_id, picture_id, content)
    mac = protection.mac(picture_id, code, envelope_tag(envelope))
    return Record(picture_id, key_version, code, mac, envelope)


@ALL_MODES
def test_a_user_with_all_keys_and_the_server_together_cannot_forge_for_another(
    fill, doctored, mode
):
    """Every user could seal and authenticate a record; the signed root is what stops it."""
    store = fill(mode)

    def forge(records):
        return [record_like(store, records[0].picture_id), *records[1:]]

    server = doctored(store, forge)
    with pytest.raises(LyingServerError):
        store.user(server).search(QUERIES, K)
    with pytest.raises(LyingServerError):
        next(store.user(server).open_answers(server.picture_ids))


def sign_as_owner(store, tree, root):
    return sign_root(store.keys.signing_key, root.store_id, root.sequence, tree)


@pytest.mark.parametrize("fields", [("code",), ("code", "mac"), ("mac",)])
def test_who_stole_the_signing_key_alone_still_cannot_pair_codes_with_pictures(
    fill, doctored, fields
):
    store = fill()
    server = doctored(store, exchange(*fields), sign_as_owner)
    with pytest.raises(LyingServerError, match="do not belong together"):
        next(store.user(server).open_answers(server.picture_ids))


@pytest.mark.parametrize(
    "change", [exchange("envelope"), exchange("code", "mac", "envelope"), CHANGES["a row added"]]
)
def test_who_stole_the_signing_key_alone_still_opens_no_picture_under_another_id(
    fill, doctored, change
):
    store = fill()
    server = doctored(store, change, sign_as_owner)
    with pytest.raises(EnvelopeError, match=server.picture_ids[0].hex()):
        next(store.user(server).open_answers(server.picture_ids))


# About the pictures.


def envelopes_swapped(get, ids):
    first, second = get(ids)
    yield first._replace(record=first.record._replace(envelope=second.record.envelope))
    yield second._replace(record=second.record._replace(envelope=first.record.envelope))


def codes_swapped_in_records(get, ids):
    first, second = get(ids)
    yield first._replace(record=first.record._replace(code=second.record.code))
    yield second._replace(record=second.record._replace(code=first.record.code))


def pictures_swapped(get, ids):
    yield from get(ids[::-1])


def one_picture_for_all(get, ids):
    yield from get(ids[:1] * len(ids))


def no_picture(get, ids):
    yield from ()


def proof_cut(get, ids):
    for served in get(ids):
        yield served._replace(proof=served.proof[:-1])


def proof_of_nothing(get, ids):
    for served in get(ids):
        yield served._replace(proof=())


def proof_drawn_out(get, ids):
    for served in get(ids):
        yield served._replace(proof=(*served.proof, bytes(32)))


def proof_drawn_out_above(get, ids):
    for served in get(ids):
        yield served._replace(proof=(bytes(32), *served.proof))


def proof_without_end(get, ids):
    for served in get(ids):
        yield served._replace(proof=served.proof * 1000)


def proof_of_the_other(get, ids):
    first, second = get(ids)
    yield first._replace(proof=second.proof)


def proof_of_crooked_hashes(get, ids):
    for served in get(ids):
        yield served._replace(proof=tuple(sibling[:-1] for sibling in served.proof))


@ALL_MODES
@pytest.mark.parametrize(
    "lie",
    [
        envelopes_swapped,
        codes_swapped_in_records,
        pictures_swapped,
        one_picture_for_all,
        no_picture,
        proof_cut,
        proof_of_nothing,
        proof_drawn_out,
        proof_drawn_out_above,
        proof_without_end,
        proof_of_the_other,
        proof_of_crooked_hashes,
    ],
)
def test_pictures_that_are_not_those_asked_for(fill, liar, mode, lie):
    store = fill(mode)
    with pytest.raises(LyingServerError):
        list(store.user(liar(store.path, get=lie)).open_answers(store.ids[:2]))


def test_what_came_before_the_lie_was_genuine(fill, liar):
    def last_one_forged(get, ids):
        *truthful, last = get(ids)
        yield from truthful
        yield last._replace(record=record_like(store, ids[-1]))

    store = fill()
    opened = store.user(liar(store.path, get=last_one_forged)).open_answers(store.ids[:3])
    assert [next(opened).picture for _ in range(2)] == [p.source for p in store.pictures[:2]]
    with pytest.raises(LyingServerError, match=store.ids[2].hex()):
        next(opened)


# About the table of all rows.


def row_missing(leaves):
    root, rows = leaves()
    return root, rows[1:]


def row_added(leaves):
    root, rows = leaves()
    return root, [*rows, rows[0]._replace(picture_id=bytes(16))]


def row_changed(leaves):
    root, rows = leaves()
    return root, another_code(rows)


def row_twice(leaves):
    """The first of the two is another; the tree of them is the right one."""
    root, rows = leaves()
    return root, [another_code(rows)[0], *rows]


def no_rows(leaves):
    return leaves()[0], []


@ALL_MODES
@pytest.mark.parametrize("lie", [row_missing, row_added, row_changed, row_twice, no_rows])
def test_tables_that_the_owner_did_not_sign_for(fill, liar, mode, lie):
    store = fill(mode)
    user = store.user(liar(store.path, leaves=lie))
    with pytest.raises(LyingServerError, match="table of codes"):
        user.search(QUERIES, K, complete=True)


@ALL_MODES
def test_the_order_of_the_table_does_not_matter(fill, liar, mode):
    store = fill(mode)

    def backwards(leaves):
        root, rows = leaves()
        return root, rows[::-1]

    answers = store.user(liar(store.path, leaves=backwards)).search(QUERIES, K, complete=True)
    assert answers.ids.tolist() == store.nearest(QUERIES, K)[0]


# About keys.


def test_a_users_grant_replaced_by_another_owners(fill, liar):
    store, other = fill(), OwnerKeys.generate()
    user = UserKeys.generate(store.keys.owner_public)
    store.owner.grant(user.public_key)
    other.bind(store.keys.policy)
    forged = make_grant(other, 1, user.public_key)
    server = liar(store.path, grants=lambda grants, recipient: [forged])
    with pytest.raises(GrantError, match="not signed by the owner"):
        open_grants(user, server.grants(user.public_key))
    access = open_grants(user, store.server.grants(user.public_key))
    assert (
        QueryUser(access, store.server).search(QUERIES, K).ids.tolist()
        == (store.nearest(QUERIES, K)[0])
    )


def test_a_grant_to_another_store_is_no_access_to_this_one(fill):
    store, other = fill(), fill(name="other.sqlite")
    with pytest.raises(StoreInputError, match="not the store that access was granted to"):
        QueryUser(other.keys.access(), store.server)


def test_a_server_cannot_talk_a_user_into_a_weaker_mode(fill, tmp_path):
    """The mode is under the owner's signature, in the grant."""
    store = fill("keyed")
    weaker = replace(store.keys.policy, mode="plain")
    with (
        CloudServer.create(tmp_path / "weaker.sqlite", weaker, store.server.root) as server,
        pytest.raises(StoreInputError, match="not the store that access was granted to"),
    ):
        store.user(server)


def still_under_the_old_version(old):
    return lambda witnesses: [*old, *witnesses()]


def under_the_old_version_by_its_word_alone(old):
    def claim(witnesses):
        (row,) = witnesses()
        return [row, row._replace(leaf=row.leaf._replace(key_version=1))]

    return claim


@SERVER_SEARCHES
@pytest.mark.parametrize(
    "lie", [still_under_the_old_version, under_the_old_version_by_its_word_alone]
)
def test_no_trapdoor_is_made_for_a_version_that_no_picture_is_under(fill, liar, mode, lie):
    """Else a revoked user, who has that version's key, and the server read everybody's queries."""
    store = fill(mode)
    old = store.server.witnesses()
    store.keys.start_version()
    store.owner.rotate()
    assert store.user().trapdoor(QUERIES).keys() == {2}

    def never(search, *_):
        raise AssertionError("the server was asked")

    server = liar(store.path, witnesses=lie(old), search=never)
    with pytest.raises(LyingServerError):
        store.user(server, seen=store.keys.seen).search(QUERIES, K)


@SERVER_SEARCHES
def test_a_withheld_grant_says_whom_to_ask(fill, mode):
    store = fill(mode)
    user = store.user()
    store.keys.start_version()
    store.owner.rotate()
    with pytest.raises(StoreInputError, match="key version 2, which you have no grant for"):
        user.search(QUERIES, K)


@SERVER_SEARCHES
def test_a_server_that_never_finds_the_trapdoors_fresh_is_asked_five_times(fill, liar, mode):
    store, asked = fill(mode), []

    def stale(search, trapdoors, k):
        asked.append(trapdoors)
        raise StaleTrapdoorError("ask again")

    with pytest.raises(StaleTrapdoorError):
        store.user(liar(store.path, search=stale)).search(QUERIES, K)
    assert len(asked) == 5
