"""FORMAT.md, as the reference program reads it, against `vectors.json` and against the package."""

import base64
import contextlib
import hashlib
import json
import re
import secrets
import sqlite3

import numpy as np
import pytest
from reference_format import (
    DOCUMENT,
    SHARED,
    STORE,
    VECTORS,
    VERSION_KEY,
    Cryptography,
    Pycryptodome,
    lp,
    prf,
    reference_content,
    reference_header,
    reference_key,
    reference_padme,
    reference_root,
    reference_stored,
    reference_transform,
    sha256,
    u,
    unhex,
)

from dlheir.store.blobs import open_blobs
from dlheir.store.content import decode_content, encode_content, padme
from dlheir.store.database import Database
from dlheir.store.derivation import code_key, image_key, mac_key, trapdoor_key
from dlheir.store.envelope import open_envelope, seal
from dlheir.store.grants import open_grants
from dlheir.store.keyfile import KeyFile
from dlheir.store.keys import OwnerKeys, UserKeys
from dlheir.store.manifest import verify_leaves
from dlheir.store.merkle import MerkleTree, root_from_proof
from dlheir.store.policy import Policy
from dlheir.store.protection import CodeProtection, KeyedTransform
from dlheir.store.public_keys import parse_public_key, public_key_text
from dlheir.store.record import Record
from dlheir.store.root import SignedRoot


@pytest.fixture(params=[Pycryptodome, Cryptography])
def library(request):
    return request.param


def vectors(section):
    return pytest.mark.parametrize("vector", [unhex(vector) for vector in VECTORS[section]])


def records():
    names = ("picture_id", "key_version", "stored", "mac", "envelope")
    return [Record(*(unhex(vector)[name] for name in names)) for vector in VECTORS["records"]]


@pytest.fixture
def drawn(monkeypatch):
    """Have the package draw these bytes next."""

    def draw(*values):
        queue = list(values)

        def token_bytes(size):
            assert len(queue[0]) == size
            return queue.pop(0)

        monkeypatch.setattr(secrets, "token_bytes", token_bytes)

    return draw


# One section of the document after the other.


@pytest.mark.parametrize(("length", "padded"), VECTORS["padme"])
def test_padding(length, padded):
    assert padme(length) == reference_padme(length) == padded


@vectors("contents")
def test_contents(vector):
    name, picture = vector["name"], vector["picture"]
    assert reference_content(name.encode(), picture) == vector["content"]
    assert encode_content(name, picture) == vector["content"]
    assert decode_content(vector["content"]) == (name, picture)


@vectors("envelopes")
def test_envelopes(vector, library, drawn):
    key, header = reference_header(library, vector["key_version"], vector["salt"], vector["nonce"])
    associated = lp(header, STORE, vector["picture_id"], u(8, len(vector["content"])))
    assert (key, associated) == (vector["image_key"], vector["associated_data"])
    sealed = library.seal(key, vector["nonce"], associated, vector["content"])
    assert header + sealed == vector["envelope"]
    opened = library.open(key, vector["envelope"][42:54], associated, vector["envelope"][86:])
    assert opened == vector["content"]

    versions = {vector["key_version"]: VERSION_KEY}
    assert image_key(VERSION_KEY, vector["salt"], STORE) == (key, header[54:])
    assert (
        open_envelope(versions, STORE, vector["picture_id"], vector["envelope"])
        == vector["content"]
    )
    drawn(vector["salt"], vector["nonce"])
    again = seal(VERSION_KEY, vector["key_version"], STORE, vector["picture_id"], vector["content"])
    assert again == vector["envelope"]


@vectors("keys")
def test_keys_of_a_version(vector, library):
    policy = Policy(STORE, vector["bits"], "plain")
    for label, derive in {"codes": code_key, "trapdoors": trapdoor_key, "macs": mac_key}.items():
        key = reference_key(
            library, b"dlheir 2 " + label.encode(), vector["key_version"], vector["bits"]
        )
        assert key == vector[label] == derive(VERSION_KEY, policy, vector["key_version"])


@vectors("transforms")
def test_keyed_transforms(vector):
    assert reference_transform(vector["trapdoor_key"], vector["bits"]) == (
        vector["permutation"],
        vector["pad"],
    )
    transform = KeyedTransform.from_key(vector["trapdoor_key"], vector["bits"])
    assert transform.permutation.tolist() == vector["permutation"]
    assert transform.pad.tolist() == vector["pad"]


@vectors("codes")
def test_stored_codes(vector, library, drawn):
    key_version, nonce = vector["key_version"], vector.get("nonce")
    picture_id = vector["picture_id"]
    expected = reference_stored(
        library, vector["mode"], key_version, vector["code"], picture_id, nonce
    )
    assert expected == vector["stored"]

    code = np.array([[int(bit) for bit in vector["code"]]], dtype=np.uint8)
    policy = Policy(STORE, code.size, vector["mode"])
    protection = CodeProtection(policy, key_version, VERSION_KEY)
    if nonce is not None:
        drawn(nonce)
    assert protection.protect(code, [picture_id]) == [vector["stored"]]
    assert np.array_equal(protection.reveal([vector["stored"]], [picture_id]), code)


@vectors("records")
def test_macs_and_leaves(vector, library):
    key_version, picture_id, code = vector["key_version"], vector["picture_id"], vector["stored"]
    envelope = vector["envelope"]
    key = reference_key(library, b"dlheir 2 macs", key_version, vector["bits"])
    mac = prf(key, lp(STORE, picture_id, u(4, key_version), code, envelope[-16:]))
    assert mac == vector["mac"]
    leaf = sha256(b"\x00" + lp(picture_id, u(4, key_version), code, mac, sha256(envelope)))
    assert leaf == vector["leaf"]

    protection = CodeProtection(Policy(STORE, vector["bits"], "plain"), key_version, VERSION_KEY)
    assert protection.mac(picture_id, code, envelope[-16:]) == mac
    assert Record(picture_id, key_version, code, mac, envelope).leaf.hash == leaf


@pytest.mark.parametrize("tree", VECTORS["trees"])
def test_trees_and_proofs(tree):
    leaves = {bytes.fromhex(name): bytes.fromhex(leaf) for name, leaf in tree["leaves"].items()}
    root = bytes.fromhex(tree["root"])
    assert reference_root(leaves) == root
    proofs = {
        bytes.fromhex(name): tuple(bytes.fromhex(sibling) for sibling in proof)
        for name, proof in tree["proofs"].items()
    }
    for name, proof in proofs.items():
        assert root_from_proof(name, leaves[name], proof) == root


def test_the_tree_of_all_records():
    leaves = [record.leaf for record in records()]
    tree, expected = MerkleTree(leaves), VECTORS["trees"][-1]
    assert tree.root.hex() == expected["root"]
    for leaf in leaves:
        proof = [sibling.hex() for sibling in tree.prove(leaf.picture_id)]
        assert proof == expected["proofs"][leaf.picture_id.hex()]


def test_the_signed_root(library):
    vector = unhex(VECTORS["signed_root"])
    signed = b"DLHR" + b"\x01" + STORE + u(8, vector["sequence"]) + u(8, vector["count"])
    signed += vector["root"]
    encoded = signed + library.sign(SHARED["signing_key"], b"dlheir root 1\0" + signed)
    assert encoded == vector["encoded"]
    assert len(encoded) == 133

    root = SignedRoot.decode(encoded)
    assert root.encode() == encoded
    verify_leaves(SHARED["owner_public"], STORE, root, [record.leaf for record in records()])


@vectors("policies")
def test_policies(vector):
    modes = ["plain", "keyed", "client"]
    encoded = STORE + u(2, vector["bits"]) + u(1, modes.index(vector["mode"])) + vector["network"]
    assert encoded == vector["encoded"]
    policy = Policy(STORE, vector["bits"], vector["mode"], vector["network"])
    assert policy.encode() == encoded
    assert Policy.decode(encoded) == policy


def test_the_grant(library):
    vector = unhex(VECTORS["grant"])
    grant = vector["grant"]
    recipient, policy = vector["recipient"], bytes.fromhex(VECTORS["policies"][1]["encoded"])
    header = b"DLHG" + b"\x01" + policy + u(4, vector["key_version"]) + recipient
    enc, sealed = grant[92:124], grant[124:172]
    assert grant[:92] == header
    assert grant[172:] == library.sign(SHARED["signing_key"], b"dlheir grant 1\0" + grant[:172])
    secret = library.open_hpke(vector["private_key"], b"dlheir grant 1" + header, enc, sealed)
    assert secret == VERSION_KEY

    user = UserKeys(vector["private_key"], SHARED["owner_public"])
    assert user.public_key == recipient
    access = open_grants(user, [grant])
    assert (access.policy.encode(), access.versions) == (policy, {vector["key_version"]: secret})


def test_picture_ids():
    owner = OwnerKeys(SHARED["naming_key"], SHARED["signing_key"], {1: VERSION_KEY})
    assert owner.owner_public == SHARED["owner_public"]
    for name, picture_id in VECTORS["picture_ids"].items():
        assert prf(SHARED["naming_key"], name.encode())[:16].hex() == picture_id
        assert owner.picture_id(name).hex() == picture_id


def test_public_keys_as_text():
    recipient = bytes.fromhex(VECTORS["grant"]["recipient"])
    for holder, key in {"owner": SHARED["owner_public"], "user": recipient}.items():
        start, text = f"dlheir-{holder}-", VECTORS["public_keys"][holder]
        encoded = base64.b32encode(key + sha256(start.encode() + key)[:3])
        assert start + encoded.decode().lower() == text == public_key_text(holder, key)
        assert parse_public_key(holder, text) == key


def the_rest(document, field):
    return json.dumps({n: v for n, v in document.items() if n != field}, sort_keys=True)


def test_key_files_under_a_passphrase(library, tmp_path):
    vector = VECTORS["key_file"]
    document, scrypt = vector["file"], vector["file"]["scrypt"]
    cost = {name: scrypt[name] for name in "nrp"}
    passphrase, salt = vector["passphrase"].encode(), bytes.fromhex(scrypt["salt"])
    key = hashlib.scrypt(passphrase, salt=salt, maxmem=2**26, dklen=32, **cost)
    assert key.hex() == vector["key"]
    rest, sealed = the_rest(document, "sealed"), bytes.fromhex(document["sealed"])
    assert rest == vector["rest"]
    opened = json.loads(library.open(key, sealed[:12], rest.encode(), sealed[12:]))
    assert opened == vector["keys"]

    path = tmp_path / "user.json"
    path.write_text(json.dumps(document, indent=3))  # no space in the file counts
    assert KeyFile.open(path, lambda: vector["passphrase"]).keys.to_json() == opened
    assert KeyFile.open(path, lambda: "Zoe\u0308's pass phrase").keys.to_json() == opened  # NFC


def test_raw_key_files(tmp_path):
    vector = VECTORS["key_file"]
    document = vector["raw"]
    assert sha256(the_rest(document, "sha256").encode()).hex() == document["sha256"]
    path = tmp_path / "user.json"
    path.touch(0o600)
    path.write_text(json.dumps(document))
    assert KeyFile.open(path).keys.to_json() == document["keys"] == vector["keys"]


def test_the_tables(tmp_path):
    """The columns that the document names are those of a new store, in this order."""
    section = DOCUMENT.partition("## 11")[2].partition("## 12")[0]
    rows = re.findall(r"^\| `(\w+)`.*? \| (.*) \|$", section, re.MULTILINE)
    documented = {table: re.findall(r"`(\w+)`", columns) for table, columns in rows}
    Database.create(tmp_path / "store.sqlite", b"", b"", None)
    with contextlib.closing(sqlite3.connect(tmp_path / "store.sqlite")) as connection:
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        columns = {
            table: [column for _, column, *_ in connection.execute(f"PRAGMA table_info({table})")]
            for (table,) in tables.fetchall()
        }
        pragmas = [
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("application_id", "user_version")
        ]
    assert documented == columns
    assert f"`application_id` 0x{pragmas[0]:X} and `user_version` {pragmas[1]};" in section


def test_blobs_by_name(tmp_path):
    envelope = bytes.fromhex(VECTORS["envelopes"][0]["envelope"])
    name = sha256(envelope).hex()
    open_blobs(str(tmp_path)).put(name, envelope)
    assert (tmp_path / name[:2] / name).read_bytes() == envelope


def test_the_document_quotes_the_vectors():
    """Each line `section[number].field = value` of its code blocks, some of every section."""
    quoted = re.findall(r"^([a-z_]+)(?:\[(\d+)\])?\.(\S+) = (.*)$", DOCUMENT, re.MULTILINE)
    for section, number, field, value in quoted:
        vector = VECTORS[section][int(number)] if number else VECTORS[section]
        expected = vector[field]
        assert value == (expected if isinstance(expected, str) else json.dumps(expected)), field
    assert {section for section, *_ in quoted} == VECTORS.keys() - {"origin", "padme"}
