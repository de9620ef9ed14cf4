"""Derived keys: RFC 5869's own vectors, and that every input counts."""

from itertools import combinations

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from dlheir.errors import InputError
from dlheir.store.derivation import (
    check_key_version,
    check_version_key,
    code_key,
    hkdf,
    image_key,
    mac_key,
    trapdoor_key,
)
from dlheir.store.policy import Policy

KEY = bytes(range(32))
POLICY = Policy(bytes(range(16)), 48, "keyed")

# RFC 5869, appendix A.1 to A.3: key, salt, info, derived key.
RFC_5869 = {
    "A.1 basic": (
        b"\x0b" * 22,
        bytes(range(0x0D)),
        bytes(range(0xF0, 0xFA)),
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    "A.2 longer": (
        bytes(range(0x50)),
        bytes(range(0x60, 0xB0)),
        bytes(range(0xB0, 0x100)),
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c6"
        "5e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
    ),
    "A.3 no salt, no info": (
        b"\x0b" * 22,
        b"",
        b"",
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    ),
}


@pytest.mark.parametrize("name", RFC_5869)
def test_the_vectors_of_rfc_5869(name):
    key, salt, info, derived = RFC_5869[name]
    assert hkdf(key, salt, info, len(derived) // 2).hex() == derived


@given(
    st.binary(max_size=100), st.binary(max_size=100), st.binary(max_size=50), st.integers(1, 200)
)
def test_hkdf_is_that_of_another_library(key, salt, info, length):
    theirs = HKDF(hashes.SHA256(), length, salt, info).derive(key)
    assert hkdf(key, salt, info, length) == theirs


def test_hkdf_gives_8160_bytes_and_no_more():
    assert len(hkdf(KEY, b"", b"", 8160)) == 8160
    with pytest.raises(InputError, match="8160"):
        hkdf(KEY, b"", b"", 8161)


def test_each_purpose_version_length_store_and_key_has_a_key_of_its_own():
    other_key = bytes(32)
    other_store = Policy(bytes(16), 48, "keyed")
    other_bits = Policy(POLICY.store_id, 47, "keyed")
    inputs = [
        (KEY, POLICY, 1),
        (KEY, POLICY, 2),
        (KEY, POLICY, 256),
        (KEY, other_bits, 1),
        (KEY, other_store, 1),
        (other_key, POLICY, 1),
    ]
    keys = [derive(*given) for given in inputs for derive in (code_key, trapdoor_key, mac_key)]
    keys += image_key(KEY, POLICY.store_id, POLICY.store_id)
    keys += image_key(KEY, bytes(32), POLICY.store_id)
    keys += image_key(KEY, bytes(32), bytes(16))
    keys += image_key(other_key, bytes(32), bytes(16))
    assert all(len(key) == 32 for key in keys)
    assert all(first != second for first, second in combinations(keys, 2))


def test_the_mode_and_the_network_change_no_key():
    """A store has one policy for good; what separates keys is the store id."""
    plain = Policy(POLICY.store_id, 48, "plain", bytes(range(32)))
    assert mac_key(KEY, plain, 1) == mac_key(KEY, POLICY, 1)


@pytest.mark.parametrize("key", [b"", KEY[:-1], KEY + b"x", "k" * 32, bytearray(KEY), None])
def test_what_is_no_version_key_is_refused_and_not_shown(key):
    for use in (check_version_key, lambda key: mac_key(key, POLICY, 1)):
        with pytest.raises(InputError) as error:
            use(key)
        assert str(error.value) == "version key: expected 32 bytes"


@pytest.mark.parametrize("version", [0, -1, 2**32, "1", None])
def test_what_is_no_key_version_is_refused(version):
    for use in (check_key_version, lambda version: mac_key(KEY, POLICY, version)):
        with pytest.raises(InputError, match="key version"):
            use(version)


def test_the_first_and_the_last_key_version():
    assert [check_key_version(version) for version in (1, 2**32 - 1)] == [1, 2**32 - 1]
