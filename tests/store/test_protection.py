"""Protected codes: what comes back, what distances do, and what the MAC ties together."""

import hashlib
import hmac
import secrets
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dlheir.errors import InputError
from dlheir.retrieval import pack
from dlheir.store.errors import LyingServerError
from dlheir.store.policy import MODES, Policy
from dlheir.store.protection import CodeProtection, KeyedTransform

KEY, STORE = secrets.token_bytes(32), secrets.token_bytes(16)
LENGTHS = [1, 12, 24, 32, 33, 48, 64, 300, 1024]


def protection(mode, bits=48, version=1, key=KEY):
    return CodeProtection(Policy(STORE, bits, mode), version, key)


def random_codes(count, bits, seed=0):
    return np.random.default_rng(seed).integers(0, 2, (count, bits), dtype=np.uint8)


def ids(count):
    return [number.to_bytes(16) for number in range(count)]


def distances(first, second):
    return (first[:, None] != second).sum(axis=2)


@pytest.mark.parametrize("bits", LENGTHS)
@pytest.mark.parametrize("mode", MODES)
def test_codes_come_back(mode, bits):
    codes = random_codes(20, bits)
    stored = protection(mode, bits).protect(codes, ids(20))
    assert {len(code) for code in stored} == {Policy(STORE, bits, mode).stored_code_bytes}
    assert np.array_equal(protection(mode, bits).reveal(stored, ids(20)), codes)


SHAPES = st.tuples(st.integers(0, 5), st.integers(1, 200))


@given(hnp.arrays(np.uint8, SHAPES, elements=st.integers(0, 1)), st.sampled_from(MODES))
def test_any_codes_come_back(codes, mode):
    made = protection(mode, codes.shape[1])
    assert np.array_equal(made.reveal(made.protect(codes, ids(len(codes))), ids(len(codes))), codes)


@pytest.mark.parametrize(
    ("bits", "mode", "expected"),
    [(12, "plain", 4), (12, "keyed", 4), (12, "client", 20), (48, "plain", 8), (48, "client", 24)],
)
def test_bytes_of_a_stored_code(bits, mode, expected):
    assert Policy(STORE, bits, mode).stored_code_bytes == expected


def test_plain_stores_and_asks_with_the_code_itself():
    codes = random_codes(5, 48)
    assert protection("plain").protect(codes, ids(5)) == [row.tobytes() for row in pack(codes)]
    assert np.array_equal(protection("plain").trapdoor(codes), codes)


@pytest.mark.parametrize("bits", LENGTHS)
def test_keyed_keeps_every_distance(bits):
    codes, queries = random_codes(30, bits), random_codes(10, bits, seed=1)
    made = protection("keyed", bits)
    # What the server holds and compares is the packed form.
    stored = np.array([list(code) for code in made.protect(codes, ids(30))], dtype=np.uint8)
    asked = pack(made.trapdoor(queries))
    found = np.bitwise_count(asked[:, None] ^ stored).sum(axis=2)
    assert np.array_equal(found, distances(queries, codes))


def test_keyed_moves_bits_and_flips_about_half_of_them():
    transform = KeyedTransform.from_key(KEY, 1000)
    assert sorted(transform.permutation) == list(range(1000))
    assert (transform.permutation == np.arange(1000)).sum() < 20
    assert 400 < transform.pad.sum() < 600  # 6 standard deviations


def test_the_keyed_transform_by_hand():
    """Bit p[j] becomes bit j, then the pad is added."""
    transform = KeyedTransform(np.array([2, 0, 1]), np.array([1, 0, 0], dtype=np.uint8))
    code = np.array([[1, 0, 0]], dtype=np.uint8)
    assert transform.apply(code).tolist() == [[1, 1, 0]]
    assert transform.undo(transform.apply(code)).tolist() == [[1, 0, 0]]


def test_every_key_version_and_length_has_a_transform_of_its_own():
    codes = np.vstack([np.zeros(48, dtype=np.uint8), np.eye(48, dtype=np.uint8)])
    versions = [protection("keyed", 48, version).trapdoor(codes) for version in range(1, 6)]
    versions.append(protection("keyed", 48, 1, secrets.token_bytes(32)).trapdoor(codes))
    versions.append(protection("keyed", 49).trapdoor(np.pad(codes, [(0, 0), (0, 1)]))[:, :48])
    assert all(not np.array_equal(a, b) for a, b in combinations(versions, 2))


def test_client_hides_equal_codes_and_their_bits():
    codes = np.zeros((2000, 48), dtype=np.uint8)
    stored = protection("client").protect(codes, ids(2000))
    assert len(set(stored)) == 2000
    assert len({code[:16] for code in stored}) == 2000
    ones = np.unpackbits(np.frombuffer(b"".join(code[16:] for code in stored), np.uint8)).mean()
    assert abs(ones - 0.5) < 0.01  # 128,000 bits, 7 standard deviations


def test_client_seals_the_same_code_anew_each_time():
    codes = random_codes(1, 48)
    made = protection("client")
    assert made.protect(codes, ids(1)) != made.protect(codes, ids(1))


def test_a_client_code_belongs_to_its_picture_and_key():
    codes = np.zeros((1, 300), dtype=np.uint8)
    stored = protection("client", 300).protect(codes, ids(1))
    elsewhere = [
        protection("client", 300).reveal(stored, [bytes(15) + b"\x01"]),
        protection("client", 300, version=2).reveal(stored, ids(1)),
        protection("client", 300, key=secrets.token_bytes(32)).reveal(stored, ids(1)),
    ]
    assert all(90 < code.sum() < 210 for code in elsewhere)  # 6 standard deviations around 150


def test_client_asks_the_server_nothing():
    with pytest.raises(InputError, match="client"):
        protection("client").trapdoor(random_codes(1, 48))


@pytest.mark.parametrize("mode", MODES)
def test_wrong_codes_ids_and_stored_codes_are_refused(mode):
    made = protection(mode)
    with pytest.raises(InputError, match="47 bits, expected 48"):
        made.protect(random_codes(2, 47), ids(2))
    with pytest.raises(InputError, match="2 codes for 3 picture ids"):
        made.protect(random_codes(2, 48), ids(3))
    with pytest.raises(InputError, match="47 bits, expected 48"):
        made.trapdoor(random_codes(2, 47))
    stored = made.protect(random_codes(2, 48), ids(2))
    with pytest.raises(InputError, match="2 codes for 1 picture ids"):
        made.reveal(stored, ids(1))
    with pytest.raises(InputError, match=f"expected {len(stored[0])} bytes"):
        made.reveal([stored[0] + b"\0", stored[1][:-1]], ids(2))


def test_the_mac_by_hand():
    """HMAC over length-prefixed fields; the key by HKDF as RFC 5869 writes it out."""
    extracted = hmac.new(STORE, KEY, hashlib.sha256).digest()
    info = b"dlheir 2 macs" + bytes([0, 0, 0, 7]) + bytes([0, 48])
    key = hmac.new(extracted, info + b"\x01", hashlib.sha256).digest()
    picture_id, code, tag = b"I" * 16, b"C" * 8, b"T" * 16
    message = b"\0\0\0\x10" + STORE + b"\0\0\0\x10" + picture_id + b"\0\0\0\x04\0\0\0\x07"
    message += b"\0\0\0\x08" + code + b"\0\0\0\x10" + tag
    expected = hmac.new(key, message, hashlib.sha256).digest()
    assert protection("plain", version=7).mac(picture_id, code, tag) == expected


def test_the_mac_accepts_its_own_record_and_no_other_pairing():
    made, record = protection("keyed"), [b"I" * 16, b"C" * 8, b"T" * 16]
    mac = made.mac(*record)
    made.check_mac(*record, mac)
    for place in range(3):
        other = record.copy()
        other[place] = other[place][:-1] + b"x"
        with pytest.raises(LyingServerError, match="do not belong together"):
            made.check_mac(*other, mac)
    strangers = [protection("keyed", version=2), protection("keyed", key=secrets.token_bytes(32))]
    for stranger in strangers:
        with pytest.raises(LyingServerError):
            stranger.check_mac(*record, mac)
    for wrong in (b"", mac[:-1], mac + b"\0", bytes(32)):
        with pytest.raises(LyingServerError):
            made.check_mac(*record, wrong)


def test_fields_of_the_mac_do_not_run_into_each_other():
    made = protection("plain")
    assert made.mac(b"I" * 16, b"CT", b"T" * 15) != made.mac(b"I" * 16, b"C", b"T" * 16)


def test_a_key_that_is_none_is_refused():
    with pytest.raises(InputError, match="version key"):
        protection("keyed", key=KEY[:-1])
    with pytest.raises(InputError, match="key version: 0"):
        protection("keyed", version=0)
