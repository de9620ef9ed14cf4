"""Keys that come from a version key: HKDF-SHA-256, with one label for each purpose.

A key serves one purpose: whatever goes wrong with one of them does not reach the others. Here are
the labels and nothing else knows them; `FORMAT.md`, section 1, has the table.
"""

import hmac

from dlheir.errors import InputError
from dlheir.store.policy import Policy

KEY_BYTES = 32
COMMITMENT_BYTES = 32
MAX_KEY_VERSION = 2**32 - 1

_HASH_BYTES = 32
_IMAGES = b"dlheir 2 images"
_CODES = b"dlheir 2 codes"
_TRAPDOORS = b"dlheir 2 trapdoors"
_MACS = b"dlheir 2 macs"


def hkdf(key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """Derive a key with HKDF-SHA-256 (RFC 5869, extract and expand).

    Args:
        key: input keying material.
        salt: not secret; empty stands for 32 zero bytes.
        info: what the derived key is for.
        length: of the derived key in bytes, at most 8,160.

    Raises:
        InputError: when more is asked for than HKDF can give.
    """
    if length > 255 * _HASH_BYTES:
        raise InputError(f"derived key: {length} bytes, expected at most {255 * _HASH_BYTES}")
    extracted = hmac.digest(salt, key, "sha256")
    derived = block = b""
    for counter in range(1, -(-length // _HASH_BYTES) + 1):
        block = hmac.digest(extracted, block + info + bytes([counter]), "sha256")
        derived += block
    return derived[:length]


def image_key(version_key: bytes, salt: bytes, store_id: bytes) -> tuple[bytes, bytes]:
    """Derive what seals one envelope: the AES key (32 bytes) and its commitment (32 bytes).

    Both are halves of one output, so that an envelope with this commitment has this key and no
    other: two keys with one commitment would be a collision of SHA-256.
    """
    derived = hkdf(version_key, salt, _IMAGES + store_id, KEY_BYTES + COMMITMENT_BYTES)
    return derived[:KEY_BYTES], derived[KEY_BYTES:]


def code_key(version_key: bytes, policy: Policy, key_version: int) -> bytes:
    """Derive the key that seals codes in `client` mode."""
    return _derive(_CODES, version_key, policy, key_version)


def trapdoor_key(version_key: bytes, policy: Policy, key_version: int) -> bytes:
    """Derive the key of the secret transform of `keyed` mode."""
    return _derive(_TRAPDOORS, version_key, policy, key_version)


def mac_key(version_key: bytes, policy: Policy, key_version: int) -> bytes:
    """Derive the key of the records' MACs."""
    return _derive(_MACS, version_key, policy, key_version)


def check_version_key(version_key: bytes) -> bytes:
    """Return the key, or raise InputError when it is not 32 bytes; the message does not show it."""
    return check_bytes("version key", version_key, KEY_BYTES)


def check_key_version(key_version: int) -> int:
    """Return the number of a key version, or raise InputError when it is not 1 to 2^32 - 1."""
    if not isinstance(key_version, int) or not 1 <= key_version <= MAX_KEY_VERSION:
        raise InputError(f"key version: {key_version}, expected 1 to {MAX_KEY_VERSION}")
    return key_version


def check_bytes(name: str, value: bytes, length: int | None = None) -> bytes:
    """Return `value`, or raise InputError when it is not `length` bytes, without showing it."""
    if not isinstance(value, bytes) or length not in (None, len(value)):
        raise InputError(f"{name}: expected {'' if length is None else f'{length} '}bytes")
    return value


def _derive(label: bytes, version_key: bytes, policy: Policy, key_version: int) -> bytes:
    check_version_key(version_key)
    info = label + check_key_version(key_version).to_bytes(4) + policy.bits.to_bytes(2)
    return hkdf(version_key, policy.store_id, info, KEY_BYTES)
