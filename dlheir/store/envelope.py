"""Sealed pictures: AES-256-GCM under a key of their own, with a key commitment.

The layout and the reason for each field are in `FORMAT.md`, section 3. Each envelope draws a fresh
salt and nonce, and no function takes one: a pair used twice would give both pictures and the
authentication away.
"""

import hmac
import secrets
from collections.abc import Mapping

from Crypto.Cipher import AES

from dlheir.store.derivation import (
    COMMITMENT_BYTES,
    check_bytes,
    check_key_version,
    check_version_key,
    image_key,
)
from dlheir.store.errors import EnvelopeError
from dlheir.store.policy import STORE_ID_BYTES
from dlheir.store.record import PICTURE_ID_BYTES, prefixed

TAG_BYTES = 16

_START = b"DLHE\x02\x01"  # magic, version 2, suite 1: HKDF-SHA-256 and AES-256-GCM
_SALT_BYTES = 32
_NONCE_BYTES = 12
_KEY_VERSION = slice(6, 10)
_SALT = slice(10, 42)
_NONCE = slice(42, 54)
_COMMITMENT = slice(54, 86)
_HEADER_BYTES = len(_START) + 4 + _SALT_BYTES + _NONCE_BYTES + COMMITMENT_BYTES

OVERHEAD = _HEADER_BYTES + TAG_BYTES
"""Bytes that an envelope has more than its content: 102."""


def seal(
    version_key: bytes, key_version: int, store_id: bytes, picture_id: bytes, content: bytes
) -> bytes:
    """Encrypt and authenticate one picture (the paper's EncImg(K, M) -> E).

    Args:
        version_key: 32 bytes, the key of `key_version`.
        key_version: 1 to 2^32 - 1.
        store_id: 16 bytes; the envelope opens in this store only.
        picture_id: 16 bytes; the envelope opens under this id only.
        content: from `encode_content`.

    Returns:
        The envelope, `OVERHEAD` bytes longer than `content`.

    Raises:
        InputError: on a key, a key version, an id or a content that is none.
    """
    check_version_key(version_key)
    check_key_version(key_version)
    check_bytes("store id", store_id, STORE_ID_BYTES)
    check_bytes("picture id", picture_id, PICTURE_ID_BYTES)
    check_bytes("content", content)
    salt, nonce = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_NONCE_BYTES)
    key, commitment = image_key(version_key, salt, store_id)
    header = b"".join((_START, key_version.to_bytes(4), salt, nonce, commitment))
    cipher = AES.new(key, AES.MODE_GCM, nonce=nonce, mac_len=TAG_BYTES)
    cipher.update(_associated_data(header, store_id, picture_id, len(content)))
    ciphertext, tag = cipher.encrypt_and_digest(content)
    return b"".join((header, ciphertext, tag))


def open_envelope(
    versions: Mapping[int, bytes], store_id: bytes, picture_id: bytes, envelope: bytes
) -> bytes:
    """Verify an envelope and decrypt it (the paper's Dec(K, R) -> Img_R, for one picture).

    Args:
        versions: the key of each key version that the reader has.
        store_id: of the store that it was sealed for.
        picture_id: that it was sealed for.
        envelope: what `seal` returned.

    Returns:
        The content, all of it verified, for `decode_content`.

    Raises:
        EnvelopeError: on keys, ids and an envelope that do not belong together.
    """
    if len(envelope) < OVERHEAD or not envelope.startswith(_START):
        raise _does_not_open()
    header, sealed = envelope[:_HEADER_BYTES], memoryview(envelope)[_HEADER_BYTES:]
    version_key = versions.get(int.from_bytes(header[_KEY_VERSION]))
    if version_key is None:
        raise _does_not_open()
    key, commitment = image_key(version_key, header[_SALT], store_id)
    if not hmac.compare_digest(commitment, header[_COMMITMENT]):
        raise _does_not_open()
    cipher = AES.new(key, AES.MODE_GCM, nonce=header[_NONCE], mac_len=TAG_BYTES)
    ciphertext, tag = sealed[:-TAG_BYTES], sealed[-TAG_BYTES:]
    cipher.update(_associated_data(header, store_id, picture_id, len(ciphertext)))
    try:
        return bytes(cipher.decrypt_and_verify(ciphertext, tag))
    except ValueError:
        raise _does_not_open() from None


def envelope_tag(envelope: bytes) -> bytes:
    """Return the 16 bytes that stand for the envelope in its record's MAC."""
    return envelope[-TAG_BYTES:]


def _associated_data(header: bytes, store_id: bytes, picture_id: bytes, plain_length: int) -> bytes:
    return prefixed(header, store_id, picture_id, plain_length.to_bytes(8))


def _does_not_open() -> EnvelopeError:
    return EnvelopeError("sealed picture does not open: wrong key, wrong id or changed bytes")
