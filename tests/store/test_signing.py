"""Ed25519 by the RFC's vectors and by another implementation."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from dlheir.store import signing

# RFC 8032, section 7.1, tests 1 to 3: seed, public key, message, signature.
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
        "387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
        "4a7c15e9716ed28dc027beceea1ec40a",
    ),
]
SEED = signing.generate_signing_key()
PUBLIC = signing.public_key(SEED)
ORDER = 2**252 + 27742317777372353535851937790883648493


@pytest.mark.parametrize("vector", RFC_8032)
def test_the_rfcs_vectors(vector):
    seed, public, message, signature = map(bytes.fromhex, vector)
    assert signing.public_key(seed) == public
    assert signing.sign(seed, b"", message) == signature
    assert signing.verify(public, b"", message, signature)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200))
def test_another_implementation_agrees(seed, message):
    other = Ed25519PrivateKey.from_private_bytes(seed)
    assert signing.public_key(seed) == other.public_key().public_bytes_raw()
    signature = signing.sign(seed, signing.ROOT, message)
    assert signature == other.sign(b"dlheir root 1\0" + message)
    assert signing.verify(signing.public_key(seed), signing.ROOT, message, signature)


def test_a_signature_holds_for_its_context_only():
    signature = signing.sign(SEED, signing.GRANT, b"message")
    assert signature == Ed25519PrivateKey.from_private_bytes(SEED).sign(
        b"dlheir grant 1\0" + b"message"
    )
    assert signing.verify(PUBLIC, signing.GRANT, b"message", signature)
    assert not signing.verify(PUBLIC, signing.ROOT, b"message", signature)


def test_a_changed_message_signature_or_key_is_refused():
    signature = signing.sign(SEED, signing.ROOT, b"message")
    assert not signing.verify(PUBLIC, signing.ROOT, b"massage", signature)
    for bit in range(8 * 64):
        changed = bytearray(signature)
        changed[bit // 8] ^= 1 << bit % 8
        assert not signing.verify(PUBLIC, signing.ROOT, b"message", bytes(changed))
    for bit in range(8 * 32):
        other = bytearray(PUBLIC)
        other[bit // 8] ^= 1 << bit % 8
        assert not signing.verify(bytes(other), signing.ROOT, b"message", signature)


@pytest.mark.parametrize("length", [0, 63, 65])
def test_a_signature_of_another_length_is_refused(length):
    signature = signing.sign(SEED, signing.ROOT, b"message") + b"\0"
    assert not signing.verify(PUBLIC, signing.ROOT, b"message", signature[:length])


@pytest.mark.parametrize(
    "public",
    [b"", PUBLIC[:31], PUBLIC + b"\0", b"\xff" * 32],
    ids=["empty", "short", "long", "no point"],  # of random bytes they would change
)
def test_what_is_no_public_key_has_signed_nothing(public):
    signature = signing.sign(SEED, signing.ROOT, b"message")
    assert not signing.verify(public, signing.ROOT, b"message", signature)


def test_nobody_can_make_a_second_signature_of_one():
    """S + the group's order would satisfy the equation too (RFC 8032, section 8.4)."""
    signature = signing.sign(SEED, signing.ROOT, b"message")
    scalar = int.from_bytes(signature[32:], "little") + ORDER
    second = signature[:32] + scalar.to_bytes(32, "little")
    assert not signing.verify(PUBLIC, signing.ROOT, b"message", second)


def test_keys_are_32_fresh_bytes():
    keys = {signing.generate_signing_key() for _ in range(100)}
    assert len(keys) == 100
    assert {len(key) for key in keys} == {32}
