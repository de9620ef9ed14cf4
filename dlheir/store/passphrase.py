"""Sealing under a passphrase: scrypt (RFC 7914) makes the key, AES-256-GCM seals."""

import hashlib
import secrets
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from Crypto.Cipher import AES

from dlheir.store.errors import StoreInputError

_COST = {"n": 2**17, "r": 8, "p": 1}  # 128 MiB, and some tenths of a second for each guess
# What a file may ask for: no less than is safe, for what is saved next would be as weak; and no
# more than 1 GiB (128 * n * r bytes), for a hostile file must not take all memory.
_ACCEPTED = {"n": [2**log for log in range(14, 21)], "r": [8], "p": [1, 2, 3, 4]}

_SALT_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16


@dataclass(frozen=True)
class PassphraseKey:
    """The key that a passphrase gives, kept so that saving again needs neither it nor scrypt.

    Attributes:
        scrypt: what makes the key of the passphrase, as a JSON object: n, r, p, salt.
        key: 32 bytes.
    """

    scrypt: dict[str, Any]
    key: bytes = field(repr=False)

    @classmethod
    def new(cls, passphrase: str) -> "PassphraseKey":
        """Draw a salt and make the key."""
        scrypt = {**_COST, "salt": secrets.token_hex(_SALT_BYTES)}
        return cls(scrypt, _derive(scrypt, passphrase))

    @classmethod
    def ask(cls, scrypt: Any, ask: Callable[[], str]) -> "PassphraseKey":
        """Make the key that a file was sealed under.

        Args:
            scrypt: from the file, whoever wrote it.
            ask: returns the passphrase; not called where `scrypt` is refused.

        Raises:
            StoreInputError: when `scrypt` is damaged, too weak or too costly.
        """
        try:
            salt = bytes.fromhex(scrypt["salt"])
            cost = {name: scrypt[name] for name in _ACCEPTED}
        except (KeyError, TypeError, ValueError):
            raise StoreInputError("damaged; bring it back from a copy") from None
        for name, accepted in _ACCEPTED.items():
            if type(cost[name]) is not int or cost[name] not in accepted:
                raise StoreInputError(f"scrypt's {name} is outside of what this program accepts")
        if len(salt) != _SALT_BYTES:
            raise StoreInputError(f"scrypt's salt is not {_SALT_BYTES} bytes")
        return cls(scrypt, _derive(scrypt, ask()))

    def seal(self, plain: bytes, bound: bytes) -> bytes:
        """Return nonce || ciphertext || tag; `bound` must be the same to open."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        cipher = AES.new(self.key, AES.MODE_GCM, nonce=nonce, mac_len=_TAG_BYTES)
        cipher.update(bound)
        return b"".join((nonce, *cipher.encrypt_and_digest(plain)))

    def open(self, sealed: bytes, bound: bytes) -> bytes:
        """Undo `seal`.

        Raises:
            StoreInputError: on a wrong passphrase or changed bytes, which look alike.
        """
        nonce, tag = sealed[:_NONCE_BYTES], sealed[-_TAG_BYTES:]
        try:
            cipher = AES.new(self.key, AES.MODE_GCM, nonce=nonce, mac_len=_TAG_BYTES)
            cipher.update(bound)
            return cipher.decrypt_and_verify(sealed[_NONCE_BYTES:-_TAG_BYTES], tag)
        except ValueError:
            raise StoreInputError("does not open: wrong passphrase, or changed bytes") from None


def _derive(scrypt: dict[str, Any], passphrase: str) -> bytes:
    # Keyboards differ in how they type an accented letter; what the terminal could not read as
    # UTF-8 arrives as lone surrogates.
    typed = unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogateescape")
    n, r, p = scrypt["n"], scrypt["r"], scrypt["p"]
    salt = bytes.fromhex(scrypt["salt"])
    return hashlib.scrypt(typed, salt=salt, n=n, r=r, p=p, maxmem=256 * n * r, dklen=32)
