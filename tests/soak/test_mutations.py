"""Sealed and signed things, changed at random: all refused, each with its own error, at no cost.

A store of a few pictures is made, then one thing of it changed and handed to the code that a user
or an owner runs. Nothing here asserts on time; that no change makes much work is seen by the memory
that a refusal takes, and the slowest one is printed.
"""

import json
import math
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest

from dlheir.store import (
    EnvelopeError,
    GrantError,
    LyingServerError,
    OwnerKeys,
    QueryUser,
    Record,
    StoreError,
    UserKeys,
    make_grant,
    new_policy,
    open_envelope,
    open_grants,
    seal,
)
from dlheir.store.content import decode_content, encode_content
from dlheir.store.envelope import envelope_tag
from dlheir.store.errors import KeyFileError, StoreInputError
from dlheir.store.keyfile import KeyFile
from dlheir.store.manifest import sign_root, verify_root
from dlheir.store.merkle import MerkleTree
from dlheir.store.policy import Policy
from dlheir.store.protection import CodeProtection
from dlheir.store.public_keys import parse_public_key, public_key_text
from dlheir.store.replies import Served
from dlheir.store.root import SignedRoot

pytestmark = pytest.mark.soak
BITS = 48
FIELDS = [0, 4, 5, 6, 10, 42, 54, 86]  # of an envelope: where each begins
SPARE_BYTES = 2**17  # that a refusal may take; nothing changed here is longer than some kB
KEY_FILE_BYTES = 2**24  # a key file's reader makes room for this much at once


# What can happen to bytes. Each function takes a generator, the bytes, and more of their kind.


def flip_bits(random, data, others):
    changed = bytearray(data)
    for bit in random.integers(0, 8 * len(data), random.integers(1, 9)):
        changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def overwrite(random, data, others):
    start, end = cut(random, data)
    filler = pick(random, [bytes(end - start), b"\xff" * (end - start), random.bytes(end - start)])
    return data[:start] + filler + data[end:]


def truncate(random, data, others):
    place = random.integers(0, len(data))
    return data[:place] if random.random() < 0.7 else data[place + 1 :]


def extend(random, data, others):
    place = pick(random, [0, len(data), random.integers(0, len(data) + 1)])
    return data[:place] + random.bytes(random.integers(1, 65)) + data[place:]


def leave_out(random, data, others):
    start, end = cut(random, data)
    return data[:start] + data[end:]


def swap_blocks(random, data, others):
    blocks = [data[start : start + 16] for start in range(0, len(data), 16)]
    one, two = random.integers(0, len(blocks), 2)
    blocks[one], blocks[two] = blocks[two], blocks[one]
    return b"".join(blocks)


def splice(random, data, others):
    start, end = cut(random, data)
    return data[:start] + pick(random, others)[start:end] + data[end:]


def double(random, data, others):
    return data + pick(random, others)


def pick(random, items):
    """Return one of a list; numpy's own choice would make arrays of it."""
    return items[random.integers(len(items))]


def cut(random, data):
    start, end = sorted(random.integers(0, len(data) + 1, 2))
    return start, end


BYTES = [flip_bits, overwrite, truncate, extend, leave_out, swap_blocks, splice, double]


class Change(NamedTuple):
    """A changed thing: what was done to it, and what to hand to the code under test."""

    kind: str
    value: Any


def change_bytes(random, data, others=()):
    """Draw changes until the bytes are none of the genuine ones."""
    genuine = [data, *others]
    while True:
        kind = pick(random, BYTES)
        changed = kind(random, data, genuine)
        if changed not in genuine:
            return Change(kind.__name__, changed)


class Store:
    """Eight pictures under two key versions, as a server holds them."""

    def __init__(self, mode="keyed"):
        self.keys = OwnerKeys.generate().bind(new_policy(BITS, mode))
        self.keys.start_version()
        self.policy = self.keys.policy
        self.path = "store.sqlite"
        codes = np.random.default_rng(0).integers(0, 2, (8, BITS), dtype=np.uint8)
        self.records = [self.record(number, code) for number, code in enumerate(codes)]
        self.tree = MerkleTree(record.leaf for record in self.records)
        self.root = self.sign(3, self.tree)

    def record(self, number, code):
        # Some are of one length, so that what is spliced keeps every length right.
        name, picture = f"{number}.jpg", bytes([number]) * (200 if number < 5 else 70 * number)
        version = 1 + number % 2
        picture_id, key = self.keys.picture_id(name), self.keys.versions[version]
        envelope = seal(
            key, version, self.policy.store_id, picture_id, encode_content(name, picture)
        )
        protection = CodeProtection(self.policy, version, key)
        (stored,) = protection.protect([code], [picture_id])
        mac = protection.mac(picture_id, stored, envelope_tag(envelope))
        return Record(picture_id, version, stored, mac, envelope)

    def sign(self, sequence, tree):
        return sign_root(self.keys.signing_key, self.policy.store_id, sequence, tree)

    def user(self, served=None, table=None):
        """A user before a server that hands out these answers, or this table."""
        server = SimpleNamespace(policy=self.policy, path=self.path)
        server.get = lambda picture_ids: iter(served)
        server.leaves = lambda: table
        return QueryUser(self.keys.access(), server, seen=self.root.sequence)


@pytest.fixture(scope="module")
def stores():
    """Two stores, for what one of them made and the other must not take."""
    return Store(), Store()


@pytest.fixture(scope="module")
def total():
    """Count what the whole module saw refused."""
    refused = Counter()
    yield refused
    print(f"\nin all {refused.total():,} changes refused")


@pytest.fixture
def refuse(request, total):
    """Draw many changes and see each refused, in one line and without much memory."""
    option = request.config.getoption
    random = np.random.default_rng(option("--soak-seed"))

    def refuse(
        count: int,
        draw: Callable[[np.random.Generator], Change],
        use: Callable[[Any], Any],
        refusal: type[Exception] | tuple[type[Exception], ...],
        valid: Callable[[Any, Any], bool] = lambda value, result: False,
        spare: int = SPARE_BYTES,
    ) -> None:
        refused, taken = Counter(), Counter()
        slowest, largest = (0.0, ""), (0, "")
        tracemalloc.start()
        for _ in range(math.ceil(count * option("--soak-share"))):
            kind, value = draw(random)
            before, _ = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            began = time.perf_counter()
            try:
                result = use(value)
            except refusal as error:
                message = str(error)
            else:
                message = None
            slowest = max(slowest, (time.perf_counter() - began, kind))
            largest = max(largest, (tracemalloc.get_traced_memory()[1] - before, kind))
            if message is None:
                assert valid(value, result), f"{kind}: taken: {value!r}"
                taken[kind] += 1
            else:
                assert "\n" not in message
                refused[kind] += 1
        tracemalloc.stop()
        assert largest[0] < spare, largest
        total.update(refused)
        print(
            f"\n{request.node.name}: {refused.total():,} changes refused {dict(refused)}, "
            f"{taken.total():,} valid in themselves; "
            f"slowest {1000 * slowest[0]:.1f} ms ({slowest[1]}), "
            f"most memory {largest[0]:,} bytes ({largest[1]})"
        )

    yield refuse
    tracemalloc.stop()  # after a failure too


class Sealed(NamedTuple):
    """What an envelope is opened with, and the envelope."""

    versions: dict[int, bytes]
    store_id: bytes
    picture_id: bytes
    envelope: bytes

    @property
    def key_version(self):
        return int.from_bytes(self.envelope[6:10])


def another_id(random, truth, other):
    ids = [other.picture_id, truth.store_id, change_bytes(random, truth.picture_id).value]
    return truth._replace(picture_id=pick(random, ids))


def another_store(random, truth, other):
    stores = [other.store_id, truth.picture_id, change_bytes(random, truth.store_id).value]
    return truth._replace(store_id=pick(random, stores))


def another_key(random, truth, other):
    number = truth.key_version
    key = change_bytes(random, truth.versions[number], [*other.versions.values()]).value
    return truth._replace(versions={**truth.versions, number: key})


def other_keys(random, truth, other):
    """The two keys in each other's place, one of them, none, or another store's."""
    number, (one, two) = truth.key_version, truth.versions.values()
    lacking = {3 - number: truth.versions[3 - number]}
    keys = pick(random, [{1: two, 2: one}, lacking, {}, {1: one, 2: one}, other.versions])
    return truth._replace(versions=keys)


def another_key_version(random, truth, other):
    """The right key, under a number that the envelope was not sealed with."""
    number = pick(random, [0, 3 - truth.key_version, 3, 255, 2**32 - 1])
    keys = {**truth.versions, number: truth.versions[truth.key_version]}
    envelope = truth.envelope[:6] + number.to_bytes(4) + truth.envelope[10:]
    return truth._replace(versions=keys, envelope=envelope)


def other_fields(random, truth, other):
    """Some fields of another envelope, random, or zero."""
    envelope = truth.envelope
    edges = [*FIELDS, len(envelope) - 16, len(envelope)]
    size = max(len(envelope), len(other.envelope))
    for field in random.integers(0, len(edges) - 1, random.integers(1, 4)):
        start, end = edges[field], edges[field + 1]
        source = pick(random, [other.envelope, random.bytes(size), bytes(size)])
        envelope = envelope[:start] + source[start:end] + envelope[end:]
    return truth._replace(envelope=envelope)


def other_bytes(random, truth, other):
    return truth._replace(envelope=change_bytes(random, truth.envelope, [other.envelope]).value)


def another_envelope(random, truth, other):
    return truth._replace(envelope=other.envelope)


# How often each is drawn: most of them where an envelope has most of its bytes.
ENVELOPE_CHANGES = 12 * [other_bytes] + 3 * [other_fields]
ENVELOPE_CHANGES += [another_id, another_store, another_key, other_keys, another_key_version]
ENVELOPE_CHANGES += [another_envelope]


def test_envelopes(stores, refuse):
    genuine = [
        Sealed(store.keys.versions, store.policy.store_id, record.picture_id, record.envelope)
        for store in stores
        for record in store.records
    ]

    def opens(changed):
        return any(
            changed[1:] == truth[1:]
            and changed.versions.get(truth.key_version) == truth.versions[truth.key_version]
            for truth in genuine
        )

    def draw(random):
        truth, other = pick(random, genuine), pick(random, genuine)
        change = pick(random, ENVELOPE_CHANGES)
        changed = change(random, truth, other)
        return draw(random) if opens(changed) else Change(change.__name__, changed)

    assert all(map(opens, genuine))
    refuse(120_000, draw, lambda changed: open_envelope(*changed), EnvelopeError)


def test_records_as_a_user_gets_them(stores, refuse):
    """Id, key version, code, MAC, envelope, proof and root, changed or another picture's."""
    store, other_store = stores
    served = [
        Served(record, store.tree.prove(record.picture_id), store.root) for record in store.records
    ]
    strangers = [
        Served(record, other_store.tree.prove(record.picture_id), other_store.root)
        for record in other_store.records
    ]
    earlier = store.sign(2, MerkleTree(record.leaf for record in store.records[:4]))
    answers = []
    user = store.user(answers)

    def draw(random):
        truth, lie = pick(random, served), pick(random, served + strangers)
        kind = pick(random, [*Record._fields, "record", "proof", "root", "whole"])
        match kind:
            case "whole":
                changed = lie
            case "record":
                changed = truth._replace(record=lie.record)
            case "proof":
                changed = truth._replace(proof=changed_proof(random, truth.proof, lie.proof))
            case "root":
                root = pick(random, [earlier, other_store.root, store.root]).encode()
                if random.random() < 0.5:  # magic and version apart: it is a root that is served
                    root = root[:5] + flip_bits(random, root[5:], [])
                changed = truth._replace(root=SignedRoot.decode(root))
            case "key_version":
                number = pick(random, [0, 1, 2, 3, 2**31, 2**32 - 1])
                changed = truth._replace(record=truth.record._replace(key_version=number))
            case _:
                value = change_bytes(random, getattr(truth.record, kind)).value
                value = pick(random, [value, value, getattr(lie.record, kind)])
                changed = truth._replace(record=truth.record._replace(**{kind: value}))
        if changed == truth:
            return draw(random)
        return Change(kind, (truth.record.picture_id, changed))

    def use(value):
        picture_id, answers[:] = value[0], [value[1]]
        return list(user.open_answers([picture_id]))

    refuse(25_000, draw, use, LyingServerError)


def changed_proof(random, proof, other):
    changed = list(proof)
    place = random.integers(0, len(proof))
    match random.integers(5):
        case 0:
            changed[place] = change_bytes(random, changed[place]).value
        case 1:
            del changed[place]
        case 2:
            changed.insert(place, random.bytes(32))
        case 3:
            changed = list(other)
        case 4:
            changed = changed * random.integers(2, 200)
    return tuple(changed)


def test_macs_alone(stores, refuse):
    """What holds without the manifest: id, key version, code, tag and MAC belong together."""
    genuine, strangers = (
        [
            (r.key_version, r.picture_id, r.code, envelope_tag(r.envelope), r.mac)
            for r in store.records
        ]
        for store in stores
    )
    protections = {
        version: CodeProtection(stores[0].policy, version, key)
        for version, key in stores[0].keys.versions.items()
    }

    def draw(random):
        truth, lie = pick(random, genuine), pick(random, genuine + strangers)
        changed, place = list(truth), random.integers(5)
        if place == 0:
            changed[0] = 3 - changed[0]
        else:
            value = change_bytes(random, truth[place]).value
            changed[place] = pick(random, [value, value, lie[place]])
        if tuple(changed) in genuine:
            return draw(random)
        return Change(("key version", "id", "code", "tag", "mac")[place], changed)

    def use(changed):
        protections[changed[0]].check_mac(*changed[1:])

    for truth in genuine:
        use(truth)
    refuse(15_000, draw, use, LyingServerError)


def test_tables_of_leaves(refuse):
    """The table that a user of mode `client` searches: rows changed, left out, added, mixed."""
    store, other_store = Store("client"), Store("client")
    leaves = [record.leaf for record in store.records]
    strangers = [record.leaf for record in other_store.records]
    table = [store.root, leaves]
    user = store.user(table=table)
    query = np.zeros((1, BITS), dtype=np.uint8)
    assert len(user.search(query, 8).ids[0]) == 8

    def draw(random):
        changed = list(leaves)
        place, other = random.integers(0, 8, 2)
        kind = pick(random, ["left out", "added", "twice", "replaced", "mixed", "field"])
        match kind:
            case "left out":
                del changed[place:]
            case "added":
                changed.append(strangers[other])
            case "twice":
                changed.insert(place, leaves[other])
            case "replaced":
                changed[place] = strangers[other]
            case "mixed":
                field = pick(random, ["code", "mac", "envelope_hash", "picture_id"])
                changed[place] = leaves[place]._replace(**{field: getattr(leaves[other], field)})
            case "field":
                field = pick(random, ["code", "mac", "envelope_hash"])
                value = change_bytes(random, getattr(leaves[place], field)).value
                changed[place] = leaves[place]._replace(**{field: value})
        return draw(random) if changed == leaves else Change(kind, changed)

    def use(value):
        table[1] = value
        return user.search(query, 8)

    refuse(5_000, draw, use, LyingServerError)


def test_signed_roots(stores, refuse):
    store, other_store = stores
    root = store.root.encode()
    others = [other_store.root.encode(), store.sign(4, MerkleTree()).encode()]

    def use(value):
        verify_root(store.keys.owner_public, store.policy.store_id, SignedRoot.decode(value))

    def draw(random):
        return change_bytes(random, root, others)

    refuse(8_000, draw, use, (StoreError, LyingServerError))


def test_grants(stores, refuse):
    store, other_store = stores
    user = UserKeys.generate(store.keys.owner_public)
    stranger = UserKeys.generate(store.keys.owner_public)
    genuine = [make_grant(store.keys, version, user.public_key) for version in (1, 2)]
    wrong = [
        make_grant(store.keys, 1, stranger.public_key),
        make_grant(other_store.keys, 1, user.public_key),
    ]
    assert open_grants(user, genuine).versions == store.keys.versions

    def draw(random):
        if random.random() < 0.02:
            return Change("another's", pick(random, wrong))
        return change_bytes(random, pick(random, genuine), genuine + wrong)

    refuse(8_000, draw, lambda value: open_grants(user, [value]), GrantError)


# What is read before, or without, a signature: refused, or exactly what writing it gives.


def test_contents(refuse):
    genuine = [encode_content(f"{n}.jpg", bytes(range(n * 20))) for n in range(12)]

    def draw(random):
        data = pick(random, genuine)
        kind, changed = change_bytes(random, data, genuine)
        if random.random() < 0.3:  # where the lengths are
            place = pick(random, [0, 2 + data[1]])
            changed = data[:place] + random.bytes(8) + data[place + 8 :]
            kind = "lengths"
        return Change(kind, changed)

    refuse(
        10_000,
        draw,
        decode_content,
        EnvelopeError,
        lambda value, got: encode_content(*got) == value,
    )


def test_policies(stores, refuse):
    policy = stores[0].policy.encode()
    refuse(
        5_000,
        lambda random: change_bytes(random, policy),
        Policy.decode,
        ValueError,
        lambda value, decoded: decoded.encode() == value,
    )


def test_public_keys_as_text(stores, refuse):
    texts = [public_key_text("owner", store.keys.owner_public) for store in stores]

    def draw(random):
        kind, changed = change_bytes(random, texts[0].encode(), [texts[1].encode()])
        return Change(kind, changed.decode("utf-8", "replace"))

    refuse(
        5_000,
        draw,
        lambda text: parse_public_key("owner", text),
        StoreInputError,
        lambda text, key: text.strip().lower() == public_key_text("owner", key),
    )


@pytest.mark.parametrize("passphrase", [None, "a passphrase"], ids=["raw", "passphrase"])
def test_key_files(stores, refuse, tmp_path, monkeypatch, passphrase):
    """Refused, or the same keys: spaces and the order in a JSON object do not count."""
    monkeypatch.setattr("dlheir.store.passphrase._COST", {"n": 2**14, "r": 8, "p": 1})
    path = tmp_path / "owner.json"
    keys = stores[0].keys
    genuine = KeyFile.create(path, keys, passphrase)
    content = path.read_bytes()

    def draw(random):
        if random.random() < 0.5:
            return Change("JSON", changed_json(random, json.loads(content)))
        return change_bytes(random, content)

    def use(value):
        path.write_bytes(value)
        return KeyFile.open(path, lambda: "a passphrase").keys

    refuse(
        400 if passphrase else 5_000,  # scrypt takes its time on purpose
        draw,
        use,
        KeyFileError,
        lambda value, read: read == genuine.keys,
        KEY_FILE_BYTES + SPARE_BYTES,
    )


STRANGE = [None, True, -1, 0, 2**40, 2**70, 1.5, math.nan, "", "00", "zz", [], {}, [[]]]


def changed_json(random, document):
    """Change one value somewhere in the document, or leave it out."""
    node = document
    while True:
        name = pick(random, list(node))
        if not (isinstance(node[name], dict) and node[name]) or random.random() < 0.3:
            break
        node = node[name]
    if random.random() < 0.2:
        del node[name]
    elif isinstance(node[name], str) and random.random() < 0.5:
        node[name] = change_bytes(random, node[name].encode()).value.decode("latin-1")
    else:
        node[name] = pick(random, STRANGE)
    return json.dumps(document).encode()
