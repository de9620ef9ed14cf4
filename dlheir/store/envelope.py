"""Sealed pictures: AES-256-GCM, bound to the picture id.

An envelope is

    header (5) || nonce (12) || ciphertext (as long as the picture's file) || tag (16)

with header = "DLHE" || version 1. The associated data are header || picture id. A fresh nonce is
drawn for every envelope, and no function takes one: a nonce used twice under one key would give
both pictures and the authentication away. Nonces of 96 random bits allow 2^32 envelopes a key
(NIST SP 800-38D, section 8.3).
"""

import secrets

from Crypto.Cipher import AES

from dlheir.errors import InputError
from dlheir.store.errors import EnvelopeError
from dlheir.store.keys import check_key
from dlheir.store.record import PICTURE_ID_BYTES

_HEADER = b"DLHE\x01"
_NONCE_BYTES = 12
_TAG_BYTES = 16
_PREFIX_BYTES = len(_HEADER) + _NONCE_BYTES


def seal(key: bytes, picture_id: bytes, plain: bytes) -> bytes:
    """Encrypt and authenticate one picture (the paper's EncImg(K, M) -> E).

    Args:
        key: 32 bytes from `generate_key`.
        picture_id: 16 bytes; the envelope opens under this id only.
        plain: the bytes of the picture's file.

    Returns:
        The envelope, 33 bytes longer than `plain`.

    Raises:
        InputError: when key or picture id have another length.
    """
    check_key(key)
    if len(picture_id) != PICTURE_ID_BYTES:
        raise InputError(f"picture id: {len(picture_id)} bytes, expected {PICTURE_ID_BYTES}")
    nonce = secrets.token_bytes(_NONCE_BYTES)
    cipher = AES.new(key, AES.MODE_GCM, nonce=nonce, mac_len=_TAG_BYTES)
    cipher.update(_HEADER + picture_id)
    ciphertext, tag = cipher.encrypt_and_digest(plain)
    return b"".join((_HEADER, nonce, ciphertext, tag))


def open_envelope(key: bytes, picture_id: bytes, envelope: bytes) -> bytes:
    """Verify an envelope and decrypt it (the paper's Dec(K, R) -> Img_R, for one picture).

    Args:
        key: the key that it was sealed with.
        picture_id: the id that it was sealed for.
        envelope: what `seal` returned.

    Returns:
        The bytes of the picture's file, all of them verified.

    Raises:
        EnvelopeError: on any key, id or envelope that do not belong together.
    """
    if len(envelope) < _PREFIX_BYTES + _TAG_BYTES or not envelope.startswith(_HEADER):
        raise _does_not_open()
    nonce = envelope[len(_HEADER) : _PREFIX_BYTES]
    try:
        cipher = AES.new(check_key(key), AES.MODE_GCM, nonce=nonce, mac_len=_TAG_BYTES)
        cipher.update(_HEADER + picture_id)
        return cipher.decrypt_and_verify(
            envelope[_PREFIX_BYTES:-_TAG_BYTES], envelope[-_TAG_BYTES:]
        )
    except ValueError:  # the tag is wrong, or the key is not one
        raise _does_not_open() from None


def _does_not_open() -> EnvelopeError:
    return EnvelopeError("sealed picture does not open: wrong key, wrong id or changed bytes")
