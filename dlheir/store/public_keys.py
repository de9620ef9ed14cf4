"""Public keys as text, to be read out, mailed or pasted: `dlheir-owner-...` and `dlheir-user-...`.

56 characters of Base32 follow, in small letters: the key's 32 bytes and a checksum of 3, so that a
typing error, or one kind of key in place of the other, is noticed at once. The checksum is no
protection from somebody who changes the text on purpose: compare the whole of it.
"""

import base64
import hashlib
from typing import Literal

from dlheir.store.errors import StoreInputError

Holder = Literal["owner", "user"]

_KEY_BYTES = 32
_CHECKSUM_BYTES = 3  # 35 bytes fill 56 characters exactly, without padding


def public_key_text(holder: Holder, public_key: bytes) -> str:
    """Write a public key for people.

    Args:
        holder: `owner` for an Ed25519 key, `user` for an X25519 key.
        public_key: 32 bytes.
    """
    encoded = base64.b32encode(public_key + _checksum(holder, public_key))
    return f"{_prefix(holder)}{encoded.decode().lower()}"


def parse_public_key(holder: Holder, text: str) -> bytes:
    """Undo `public_key_text`; space around the text and capital letters do not matter.

    Raises:
        StoreInputError: when the text is another holder's key, or mistyped.
    """
    typed = text.strip().lower()
    if not typed.startswith(_prefix(holder)):
        raise StoreInputError(f"public key {text!r}: expected one that begins {_prefix(holder)}")
    try:
        decoded = base64.b32decode(typed.removeprefix(_prefix(holder)).upper())
    except ValueError:
        decoded = b""
    public_key, checksum = decoded[:_KEY_BYTES], decoded[_KEY_BYTES:]
    if len(public_key) != _KEY_BYTES or checksum != _checksum(holder, public_key):
        raise StoreInputError(f"public key {text!r}: mistyped or cut off; copy it once more")
    return public_key


def _prefix(holder: Holder) -> str:
    return f"dlheir-{holder}-"


def _checksum(holder: Holder, public_key: bytes) -> bytes:
    return hashlib.sha256(_prefix(holder).encode() + public_key).digest()[:_CHECKSUM_BYTES]
