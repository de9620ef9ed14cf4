"""Grants: how an owner hands a key version to one user, past a server that may be hostile.

    "DLHG" | version 0x01 | policy 51 | key version u32 | recipient 32 |
    enc 32 | sealed 48 | signature 64

`enc` and `sealed` are HPKE in base mode (RFC 9180: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
AES-256-GCM) of the key version's secret to the recipient's X25519 key; its info is a label and
every byte before `enc`. Anyone can seal to a public key, so the owner signs (Ed25519) all that
comes before the signature.
"""

import struct
from collections.abc import Iterable

from Crypto.Protocol import HPKE
from Crypto.Protocol.DH import import_x25519_private_key, import_x25519_public_key

from dlheir.store import signing
from dlheir.store.errors import GrantError
from dlheir.store.keys import Access, OwnerKeys, UserKeys
from dlheir.store.policy import Policy

_MAGIC = b"DLHG\x01"
_HEADER = struct.Struct(">5s51sI32s")
_GRANT = struct.Struct(f"{_HEADER.format}32s48s64s")
_INFO = b"dlheir grant 1"


def make_grant(owner: OwnerKeys, key_version: int, recipient: bytes) -> bytes:
    """Seal the secret of a key version to a user's public key, and sign it.

    Args:
        owner: whose store it is.
        key_version: one of `owner.versions`.
        recipient: the user's X25519 public key, 32 bytes.

    Returns:
        236 bytes, for the server to keep; nothing in them is secret from it.

    Raises:
        GrantError: when `recipient` is no public key.
        KeyError: when the owner has no such key version.
    """
    header = _HEADER.pack(_MAGIC, owner.policy.encode(), key_version, recipient)
    try:
        hpke = HPKE.new(
            receiver_key=import_x25519_public_key(recipient),
            aead_id=HPKE.AEAD.AES256_GCM,
            info=_INFO + header,
        )
    except ValueError:
        raise GrantError(
            "grant: the user's public key is none; ask the user for it again"
        ) from None
    signed: bytes = header + hpke.enc + hpke.seal(owner.versions[key_version])
    return signed + signing.sign(owner.signing_key, signing.GRANT, signed)


def open_grants(user: UserKeys, grants: Iterable[bytes]) -> Access:
    """Verify and open all grants that a server holds for a user.

    Args:
        user: the user, who has pinned the owner.
        grants: one for each key version, in any order.

    Raises:
        GrantError: when there is none, or one of them is not the pinned owner's, not this user's,
            changed, or at odds with another.
    """
    policies: set[Policy] = set()
    versions: dict[int, bytes] = {}
    for grant in grants:
        policy, key_version, secret = _open(user, grant)
        policies.add(policy)
        if versions.setdefault(key_version, secret) != secret:
            raise GrantError(f"grants: two different keys of version {key_version}")
    if not policies:
        raise GrantError("grants: there is none; the owner has not authorised this key")
    if len(policies) > 1:
        raise GrantError("grants: they are of different stores or settings")
    return Access(policies.pop(), user.owner_public, versions)


def _open(user: UserKeys, grant: bytes) -> tuple[Policy, int, bytes]:
    if len(grant) != _GRANT.size or not grant.startswith(_MAGIC):
        raise GrantError("grant: damaged, or of another program")
    _, policy, key_version, recipient, enc, sealed, signature = _GRANT.unpack(grant)
    signed = grant[: -signing.SIGNATURE_BYTES]
    if not signing.verify(user.owner_public, signing.GRANT, signed, signature):
        raise GrantError("grant: not signed by the owner whose key this user has pinned")
    if recipient != user.public_key:
        raise GrantError("grant: made for another user's key")
    try:
        hpke = HPKE.new(
            receiver_key=import_x25519_private_key(user.private_key),
            aead_id=HPKE.AEAD.AES256_GCM,
            enc=enc,
            info=_INFO + grant[: _HEADER.size],
        )
        return Policy.decode(policy), key_version, hpke.unseal(sealed)
    except ValueError:
        raise GrantError(
            "grant: the owner signed it, but it does not open; ask for another"
        ) from None
