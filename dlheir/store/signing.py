"""Ed25519 signatures (RFC 8032): keys are raw bytes, and each kind of message has its context."""

import secrets

from Crypto.PublicKey.ECC import EccKey
from Crypto.Signature import eddsa

SEED_BYTES = 32
PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64

# What is signed as one kind must never be taken for the other.
ROOT = b"dlheir root 1\0"
GRANT = b"dlheir grant 1\0"


def generate_signing_key() -> bytes:
    """Draw a seed of 32 bytes from the operating system: the private key, as RFC 8032 has it."""
    return secrets.token_bytes(SEED_BYTES)


def public_key(signing_key: bytes) -> bytes:
    """Return the public key of a seed, 32 bytes."""
    public: bytes = _private(signing_key).public_key().export_key(format="raw")
    return public


def sign(signing_key: bytes, context: bytes, message: bytes) -> bytes:
    """Sign `context` || `message`.

    Args:
        signing_key: from `generate_signing_key`.
        context: `ROOT` or `GRANT`.
        message: what is signed.

    Returns:
        64 bytes.
    """
    signature: bytes = eddsa.new(_private(signing_key), "rfc8032").sign(context + message)
    return signature


def verify(public: bytes, context: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether the owner of `public` has signed `message` in this context.

    A public key that is none has signed nothing.
    """
    try:
        eddsa.new(eddsa.import_public_key(public), "rfc8032").verify(context + message, signature)
    except ValueError:
        return False
    return True


def _private(signing_key: bytes) -> EccKey:
    return eddsa.import_private_key(signing_key)
