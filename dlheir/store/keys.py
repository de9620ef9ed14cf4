"""The secret key of a collection."""

import secrets

from dlheir.errors import InputError

KEY_BYTES = 32


def generate_key() -> bytes:
    """Draw a key of 256 bits from the operating system (the paper's KeyGen(1^k) -> K, k = 256)."""
    return secrets.token_bytes(KEY_BYTES)


def check_key(key: bytes) -> bytes:
    """Return `key`, or raise InputError when it is not 32 bytes; the message does not show it."""
    if not isinstance(key, bytes) or len(key) != KEY_BYTES:
        raise InputError(f"key: expected {KEY_BYTES} bytes, as generate_key() makes them")
    return key
