"""Grants: read by another implementation, and what a hostile server cannot pass off as one."""

import secrets
import struct

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from dlheir.store import signing
from dlheir.store.errors import GrantError
from dlheir.store.grants import make_grant, open_grants
from dlheir.store.keys import OwnerKeys, UserKeys, new_policy

OWNER = OwnerKeys.generate().bind(new_policy(48, "keyed", b"n" * 32))
OWNER.start_version()
USER = UserKeys.generate(OWNER.owner_public)
GRANT = make_grant(OWNER, 2, USER.public_key)


def hpke_open(private: bytes, enc: bytes, info: bytes, sealed: bytes, aad: bytes, aead: int):
    """RFC 9180, base mode of DHKEM(X25519, HKDF-SHA256) and HKDF-SHA256, first message.

    Written from the RFC with the `cryptography` package; `aead` is 1 for AES-128-GCM, 2 for 256.
    """

    def extract(suite: bytes, salt: bytes, label: bytes, secret: bytes) -> bytes:
        mac = HMAC(salt or bytes(32), SHA256())
        mac.update(b"HPKE-v1" + suite + label + secret)
        return mac.finalize()

    def expand(suite: bytes, secret: bytes, label: bytes, context: bytes, length: int) -> bytes:
        labeled = struct.pack(">H", length) + b"HPKE-v1" + suite + label + context
        return HKDFExpand(SHA256(), length, labeled).derive(secret)

    key = X25519PrivateKey.from_private_bytes(private)
    kem = b"KEM" + struct.pack(">H", 0x20)
    suite = b"HPKE" + struct.pack(">HHH", 0x20, 1, aead)
    shared = key.exchange(X25519PublicKey.from_public_bytes(enc))
    shared = extract(kem, b"", b"eae_prk", shared)
    kem_context = enc + key.public_key().public_bytes_raw()
    shared = expand(kem, shared, b"shared_secret", kem_context, 32)
    context = b"\0" + extract(suite, b"", b"psk_id_hash", b"")
    context += extract(suite, b"", b"info_hash", info)
    secret = extract(suite, shared, b"secret", b"")
    aes = AESGCM(expand(suite, secret, b"key", context, 16 * aead))
    return aes.decrypt(expand(suite, secret, b"base_nonce", context, 12), sealed, aad)


def test_the_other_implementation_opens_the_rfcs_vector():
    """RFC 9180, A.1.1, first encryption (the RFC has no vector of X25519 with AES-256-GCM)."""
    opened = hpke_open(
        private=bytes.fromhex("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8"),
        enc=bytes.fromhex("37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431"),
        info=b"Ode on a Grecian Urn",
        sealed=bytes.fromhex(
            "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a9"
            "6d8770ac83d07bea87e13c512a"
        ),
        aad=b"Count-0",
        aead=1,
    )
    assert opened == b"Beauty is truth, truth beauty"


def test_another_implementation_reads_a_grant():
    assert len(GRANT) == 236
    header, enc, sealed, signature = GRANT[:92], GRANT[92:124], GRANT[124:172], GRANT[172:]
    assert header == b"DLHG\x01" + OWNER.policy.encode() + b"\0\0\0\x02" + USER.public_key
    Ed25519PublicKey.from_public_bytes(OWNER.owner_public).verify(
        signature, b"dlheir grant 1\0" + GRANT[:172]
    )
    info = b"dlheir grant 1" + header
    opened = hpke_open(USER.private_key, enc, info, sealed, aad=b"", aead=2)
    assert opened == OWNER.versions[2]


def test_grants_of_all_versions_make_the_owners_own_access():
    grants = [make_grant(OWNER, version, USER.public_key) for version in (2, 1, 1)]
    assert open_grants(USER, grants) == OWNER.access()
    assert dict(open_grants(USER, grants[:1]).versions) == {2: OWNER.versions[2]}


def test_no_two_grants_are_sealed_alike():
    assert make_grant(OWNER, 2, USER.public_key)[92:] != GRANT[92:]


def test_no_grant_is_no_access():
    with pytest.raises(GrantError, match="not authorised"):
        open_grants(USER, [])


def test_every_changed_bit_is_refused():
    for bit in range(8 * len(GRANT)):
        changed = bytearray(GRANT)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(GrantError):
            open_grants(USER, [bytes(changed)])


def test_every_truncation_and_an_extension_is_refused():
    for length in range(len(GRANT)):
        with pytest.raises(GrantError, match="damaged"):
            open_grants(USER, [GRANT[:length]])
    with pytest.raises(GrantError, match="damaged"):
        open_grants(USER, [GRANT + b"\0"])


@pytest.mark.parametrize("start", [b"DLHE\x01", b"DLHG\x02"], ids=["an envelope's", "version 2"])
def test_another_format_is_told_from_a_forgery(start):
    with pytest.raises(GrantError, match="damaged, or of another program"):
        open_grants(USER, [start + GRANT[5:]])


def test_one_bad_grant_among_good_ones_is_refused():
    with pytest.raises(GrantError):
        open_grants(USER, [GRANT, GRANT[:-1] + bytes([GRANT[-1] ^ 1])])


def test_a_grant_that_anybody_could_make_is_refused():
    """A server knows policy and public key; it can seal a version key of its own choice."""
    server = OwnerKeys.generate().bind(OWNER.policy)
    forged = make_grant(server, 1, USER.public_key)
    with pytest.raises(GrantError, match="not signed by the owner"):
        open_grants(USER, [forged])
    with pytest.raises(GrantError, match="not signed by the owner"):
        open_grants(USER, [forged[:-64] + GRANT[-64:]])


def test_a_roots_signature_makes_no_grant():
    as_root = signing.sign(OWNER.signing_key, signing.ROOT, GRANT[:-64])
    with pytest.raises(GrantError, match="not signed by the owner"):
        open_grants(USER, [GRANT[:-64] + as_root])


def test_another_users_grant_is_refused():
    other = UserKeys.generate(OWNER.owner_public)
    with pytest.raises(GrantError, match="another user's"):
        open_grants(other, [GRANT])


def test_grants_of_two_stores_of_one_owner_do_not_mix():
    """`bind` keeps an owner from having two stores; a user does not rely on it."""
    second = OwnerKeys(OWNER.naming_key, OWNER.signing_key, OWNER.versions)
    second.bind(new_policy(48, "keyed", b"n" * 32))
    with pytest.raises(GrantError, match="different stores"):
        open_grants(USER, [GRANT, make_grant(second, 1, USER.public_key)])


def test_two_keys_of_one_version_are_refused():
    second = OwnerKeys(OWNER.naming_key, OWNER.signing_key, {2: secrets.token_bytes(32)})
    second.bind(OWNER.policy)
    with pytest.raises(GrantError, match="two different keys of version 2"):
        open_grants(USER, [GRANT, make_grant(second, 2, USER.public_key)])


def test_a_signed_grant_whose_parts_do_not_belong_together_is_refused():
    """Sealed for version 2, signed as version 1: HPKE's info has the header."""
    other = make_grant(OWNER, 1, USER.public_key)
    spliced = other[:92] + GRANT[92:172]
    spliced += signing.sign(OWNER.signing_key, signing.GRANT, spliced)
    with pytest.raises(GrantError, match="does not open"):
        open_grants(USER, [spliced])


@pytest.mark.parametrize("public", [bytes(32), b"\x01" + bytes(31)], ids=["zero", "one"])
def test_points_that_make_every_shared_secret_zero_are_refused(public):
    """RFC 7748, section 6.1, and RFC 9180, section 7.1.4: otherwise anyone could open the grant."""
    with pytest.raises(GrantError, match="public key"):
        make_grant(OWNER, 1, public)


def test_a_recipient_of_another_length_is_refused():
    with pytest.raises(GrantError, match="public key"):
        make_grant(OWNER, 1, USER.public_key[:31])


def test_errors_show_no_secret():
    with pytest.raises(GrantError) as error:
        open_grants(USER, [GRANT[:-1] + bytes([GRANT[-1] ^ 1])])
    for secret in (USER.private_key, *OWNER.versions.values()):
        assert secret.hex() not in str(error.value)
        assert repr(secret) not in str(error.value)
