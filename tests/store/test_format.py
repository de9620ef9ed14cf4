"""FORMAT.md, written once more as a program, against `vectors.json` and against the package.

Each function below follows the document, not the package, and works with either of two libraries:
what pycryptodome and `cryptography` both read, and both write to the last byte, is the format and
no accident of one of them.
"""

import base64
import contextlib
import hashlib
import hmac
import json
import re
import secrets
import sqlite3
import tempfile
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from Crypto.Cipher import AES
from Crypto.Hash import SHA256
from Crypto.Protocol import HPKE
from Crypto.Protocol.DH import import_x25519_private_key
from Crypto.Protocol.KDF import HKDF
from Crypto.Signature import eddsa
from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf import hkdf as their_hkdf
from hypothesis import given
from hypothesis import strategies as st

from dlheir.errors import InputError
from dlheir.store.blobs import open_blobs
from dlheir.store.content import decode_content, encode_content, padme
from dlheir.store.database import Database
from dlheir.store.derivation import code_key, image_key, mac_key, trapdoor_key
from dlheir.store.envelope import open_envelope, seal
from dlheir.store.errors import GrantError, KeyFileError, StoreError, StoreInputError
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

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())
DOCUMENT = (files("dlheir.store") / "FORMAT.md").read_text()
SHARED = {name: bytes.fromhex(value) for name, value in VECTORS["shared"].items()}
STORE, VERSION_KEY = SHARED["store_id"], SHARED["version_key"]


class Pycryptodome:
    """What the format needs of a library, from pycryptodome."""

    @staticmethod
    def hkdf(key, salt, info, length):
        return HKDF(key, length, salt, SHA256, context=info)

    @staticmethod
    def seal(key, nonce, associated, plain):
        cipher = AES.new(key, AES.MODE_GCM, nonce=nonce)
        cipher.update(associated)
        return b"".join(cipher.encrypt_and_digest(plain))

    @staticmethod
    def open(key, nonce, associated, sealed):
        cipher = AES.new(key, AES.MODE_GCM, nonce=nonce)
        cipher.update(associated)
        return cipher.decrypt_and_verify(sealed[:-16], sealed[-16:])

    @staticmethod
    def sign(seed, message):
        return eddsa.new(eddsa.import_private_key(seed), "rfc8032").sign(message)

    @staticmethod
    def open_hpke(private, info, enc, sealed):
        key = import_x25519_private_key(private)
        suite = HPKE.new(receiver_key=key, aead_id=HPKE.AEAD.AES256_GCM, enc=enc, info=info)
        return suite.unseal(sealed)


class Cryptography:
    """The same from `cryptography`."""

    @staticmethod
    def hkdf(key, salt, info, length):
        return their_hkdf.HKDF(hashes.SHA256(), length, salt, info).derive(key)

    @staticmethod
    def seal(key, nonce, associated, plain):
        return AESGCM(key).encrypt(nonce, plain, associated)

    @staticmethod
    def open(key, nonce, associated, sealed):
        return AESGCM(key).decrypt(nonce, sealed, associated)

    @staticmethod
    def sign(seed, message):
        return Ed25519PrivateKey.from_private_bytes(seed).sign(message)

    @staticmethod
    def open_hpke(private, info, enc, sealed):
        suite = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
        key = X25519PrivateKey.from_private_bytes(private)
        return suite.decrypt(enc + sealed, key, info)


@pytest.fixture(params=[Pycryptodome, Cryptography])
def library(request):
    return request.param


# The document's functions.


def u(size, number):
    return number.to_bytes(size, "big")


def lp(*fields):
    return b"".join(u(4, len(field)) + field for field in fields)


def prf(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


def sha256(message):
    return hashlib.sha256(message).digest()


def reference_padme(length):
    e = len(f"{length:b}") - 1
    s = len(f"{e:b}")
    mask = 2 ** (e - s) - 1
    return length + mask & ~mask


def reference_content(name, picture):
    frame = u(2, len(name)) + name + u(8, len(picture)) + picture
    return frame.ljust(reference_padme(len(frame)), b"\0")


def reference_header(library, key_version, salt, nonce):
    derived = library.hkdf(VERSION_KEY, salt, b"dlheir 2 images" + STORE, 64)
    header = b"DLHE" + b"\x02" + b"\x01" + u(4, key_version) + salt + nonce + derived[32:]
    return derived[:32], header


def reference_key(library, label, key_version, bits):
    return library.hkdf(VERSION_KEY, STORE, label + u(4, key_version) + u(2, bits), 32)


def reference_transform(key, bits):
    order = sorted(range(bits), key=lambda i: prf(key, b"permutation" + u(4, i)))
    return order, [prf(key, b"pad" + u(4, j))[31] % 2 for j in range(bits)]


def reference_pack(bits):
    width = 4 if len(bits) <= 32 else -(-len(bits) // 64) * 8
    return u(width, int("".join(map(str, bits)).ljust(8 * width, "0"), 2))


def reference_stored(library, mode, key_version, code, picture_id, nonce):
    bits = [int(bit) for bit in code]
    if mode == "keyed":
        key = reference_key(library, b"dlheir 2 trapdoors", key_version, len(bits))
        order, pad = reference_transform(key, len(bits))
        bits = [bits[order[j]] ^ pad[j] for j in range(len(bits))]
    packed = reference_pack(bits)
    if mode != "client":
        return packed
    key = reference_key(library, b"dlheir 2 codes", key_version, len(bits))
    stream = b"".join(prf(key, nonce + picture_id + u(4, block)) for block in range(9))
    return nonce + bytes(a ^ b for a, b in zip(packed, stream, strict=False))


def reference_root(leaves, depth=0):
    """Over {picture id: leaf hash}, from the definition."""
    if not leaves:
        return bytes(32)
    if len(leaves) == 1:
        return next(iter(leaves.values()))
    halves = [{}, {}]
    for picture_id, leaf in leaves.items():
        halves[int(f"{int.from_bytes(picture_id, 'big'):0128b}"[depth])][picture_id] = leaf
    left, right = (reference_root(half, depth + 1) for half in halves)
    return sha256(b"\x01" + left + right)


def unhex(vector):
    """Decode the fields that are bytes; names, codes and modes are written as they are."""
    text = {"name", "mode", "code"}
    return {
        key: bytes.fromhex(value) if isinstance(value, str) and key not in text else value
        for key, value in vector.items()
    }


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


# What is read before, or without, a signature: arbitrary bytes, many with a true beginning.


def noise(genuine):
    """Bytes, text or a genuine beginning that goes on as noise."""
    size = len(genuine)
    cut_off = st.builds(
        lambda length, rest: genuine[:length] + rest,
        st.integers(0, size),
        st.binary(max_size=size),
    )
    full = st.builds(
        lambda length, rest: genuine[:length] + rest[length:],
        st.integers(0, size),
        st.binary(min_size=size, max_size=size),
    )
    return cut_off | full


@given(noise(bytes.fromhex(VECTORS["policies"][1]["encoded"])))
def test_a_policy_has_one_encoding(data):
    with contextlib.suppress(InputError):
        assert Policy.decode(data).encode() == data


@given(noise(bytes.fromhex(VECTORS["signed_root"]["encoded"])))
def test_a_signed_root_has_one_encoding(data):
    with contextlib.suppress(StoreError):
        assert SignedRoot.decode(data).encode() == data


@given(noise(bytes.fromhex(VECTORS["grant"]["grant"])))
def test_a_grant_is_the_owners_or_refused(data):
    user = UserKeys(bytes.fromhex(VECTORS["grant"]["private_key"]), SHARED["owner_public"])
    if data.hex() != VECTORS["grant"]["grant"]:
        with pytest.raises(GrantError):
            open_grants(user, [data])


@given(noise(VECTORS["public_keys"]["owner"].encode()))
def test_a_public_key_as_text_is_whole_or_refused(data):
    text = data.decode(errors="replace")
    with contextlib.suppress(StoreInputError):
        assert public_key_text("owner", parse_public_key("owner", text)) == text.strip().lower()


@given(noise(json.dumps(VECTORS["key_file"]["raw"]).encode()))
def test_a_raw_key_file_is_whole_or_refused(data):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "user.json"
        path.touch(0o600)
        path.write_bytes(data)
        with contextlib.suppress(KeyFileError):
            assert KeyFile.open(path).keys.to_json() == VECTORS["key_file"]["keys"]
