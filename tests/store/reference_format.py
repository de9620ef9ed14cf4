"""FORMAT.md, written once more as a program, with either of two libraries.

Each function below follows the document, not the package: what pycryptodome and `cryptography` both
read, and both write to the last byte, is the format and no accident of one of them.
"""

import hashlib
import hmac
import json
from importlib.resources import files
from pathlib import Path

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
