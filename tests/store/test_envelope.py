"""Sealed pictures: what opens, and that nothing else does."""

import inspect
import io
import secrets
from itertools import pairwise

import pytest
from Crypto.Cipher import AES
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from dlheir.errors import InputError
from dlheir.store import envelope as envelope_module
from dlheir.store.derivation import image_key
from dlheir.store.envelope import OVERHEAD, envelope_tag, open_envelope, seal
from dlheir.store.errors import EnvelopeError

KEY, STORE, ID = (secrets.token_bytes(length) for length in (32, 16, 16))
VERSIONS = {1: secrets.token_bytes(32), 3: KEY}
# Field by field, as FORMAT.md has them: name and first byte.
FIELDS = {"magic": 0, "version": 4, "suite": 5, "key version": 6, "salt": 10, "nonce": 42}
FIELDS |= {"commitment": 54, "ciphertext": 86}


def sealed(content=b"a picture", picture_id=ID):
    return seal(KEY, 3, STORE, picture_id, content)


def does_not_open(envelope, versions=None, store=STORE, picture_id=ID):
    with pytest.raises(EnvelopeError) as error:
        open_envelope(VERSIONS if versions is None else versions, store, picture_id, envelope)
    return error.value


@pytest.fixture(scope="module")
def jpeg() -> bytes:
    file = io.BytesIO()
    Image.effect_noise((40, 30), 50).convert("RGB").save(file, "JPEG")
    return file.getvalue()


def test_a_picture_comes_back_byte_by_byte(jpeg):
    envelope = sealed(jpeg)
    assert open_envelope(VERSIONS, STORE, ID, envelope) == jpeg
    assert len(envelope) == len(jpeg) + OVERHEAD == len(jpeg) + 102
    assert jpeg[:16] not in envelope


@given(
    st.binary(max_size=300),
    st.binary(min_size=16, max_size=16),
    st.integers(1, 2**32 - 1),
)
@example(b"", ID, 2**32 - 1)
def test_any_bytes_come_back_under_any_id_and_version(content, picture_id, version):
    envelope = seal(KEY, version, STORE, picture_id, content)
    assert open_envelope({version: KEY}, STORE, picture_id, envelope) == content


@given(st.binary(max_size=300), st.booleans())
def test_arbitrary_bytes_do_not_open(noise, magic):
    does_not_open(b"DLHE\x02\x01\0\0\0\x03" + noise if magic else noise)


def test_every_changed_byte_is_refused(jpeg):
    envelope = sealed(jpeg)
    for place in range(len(envelope)):
        changed = bytearray(envelope)
        changed[place] ^= 1 << place % 8
        does_not_open(bytes(changed))


def test_every_bit_of_a_small_envelope_counts():
    envelope = sealed()
    for bit in range(8 * len(envelope)):
        changed = bytearray(envelope)
        changed[bit // 8] ^= 1 << bit % 8
        does_not_open(bytes(changed))


def test_every_truncation_and_an_extension_is_refused(jpeg):
    envelope = sealed(jpeg)
    for length in range(len(envelope)):
        does_not_open(envelope[:length])
    for longer in (envelope + b"\0", b"\0" + envelope, envelope + envelope):
        does_not_open(longer)


@pytest.mark.parametrize("field", FIELDS)
def test_no_field_of_another_envelope_fits(field):
    first, second = sealed(), sealed(b"an image!")
    ends = dict(pairwise([*FIELDS.values(), len(first) - 16]))
    start, end = FIELDS[field], ends[FIELDS[field]]
    spliced = first[:start] + second[start:end] + first[end:]
    if spliced == first:  # the fields that all envelopes share
        spliced = first[:start] + bytes(byte ^ 1 for byte in first[start:end]) + first[end:]
    does_not_open(spliced)


@pytest.mark.parametrize("start", [b"DLHF\x02\x01", b"DLHE\x01\x01", b"DLHE\x02\x02"])
def test_another_magic_version_or_suite_is_refused_though_authentic(start, monkeypatch):
    monkeypatch.setattr(envelope_module, "_START", start)
    envelope = sealed()
    assert open_envelope(VERSIONS, STORE, ID, envelope) == b"a picture"
    monkeypatch.undo()
    does_not_open(envelope)


def test_an_envelope_opens_under_its_own_store_and_id_only():
    envelope = sealed()
    does_not_open(envelope, store=secrets.token_bytes(16))
    does_not_open(envelope, picture_id=secrets.token_bytes(16))
    does_not_open(envelope, store=ID, picture_id=STORE)
    # Store and id must not run into each other either.
    does_not_open(envelope, store=STORE[:-1], picture_id=STORE[-1:] + ID)
    does_not_open(envelope, store=STORE + ID[:1], picture_id=ID[1:])


WRONG_KEYS = {
    "no key": {},
    "as another version": {1: KEY},
    "another": {3: secrets.token_bytes(32)},
    "one bit": {3: KEY[:-1] + bytes([KEY[-1] ^ 1])},
    "half": {3: KEY[:16]},
    "empty": {3: b""},
    "longer": {3: KEY + b"\0"},
}


@pytest.mark.parametrize("kind", WRONG_KEYS)
def test_another_key_does_not_open(kind):
    does_not_open(sealed(), WRONG_KEYS[kind])


def test_the_same_key_under_another_version_does_not_open():
    envelope = bytearray(sealed())
    envelope[6:10] = (4).to_bytes(4)
    does_not_open(bytes(envelope), {3: KEY, 4: KEY})


def times(x, y):
    """Multiply in GF(2^128) as GCM does, the first bit being the coefficient of 1."""
    product = 0
    for bit in range(128):
        if x >> (127 - bit) & 1:
            product ^= y
        y = y >> 1 ^ (0xE1 << 120 if y & 1 else 0)
    return product


def inverse(x):
    """Raise to the power of 2^128 - 2, which is 2 + 4 + ... + 2^127."""
    power, square = 1 << 127, times(x, x)
    for _ in range(127):
        power, square = times(power, square), times(square, square)
    return power


def test_what_gcm_alone_opens_under_two_keys_opens_under_one():
    """An envelope made for two version keys, after Albertini et al. (2022), for one block.

    The tag is linear in the ciphertext block, with another coefficient under each key: where the
    two lines meet, the tags agree.
    """
    versions = [secrets.token_bytes(32), secrets.token_bytes(32)]
    salt, nonce = secrets.token_bytes(32), secrets.token_bytes(12)
    keys = [image_key(version, salt, STORE) for version in versions]
    header = b"DLHE\x02\x01\0\0\0\x03" + salt + nonce + keys[0][1]
    fields = (header, STORE, ID, (16).to_bytes(8))
    associated = b"".join(len(field).to_bytes(4) + field for field in fields)

    def gcm(key):
        cipher = AES.new(key, AES.MODE_GCM, nonce=nonce)
        cipher.update(associated)
        return cipher

    tags, slopes = [], []
    for key, _ in keys:
        # With this key, the tag of the ciphertext block 0; and GHASH's key, squared.
        keystream = gcm(key).encrypt(bytes(16))
        tags.append(int.from_bytes(gcm(key).encrypt_and_digest(keystream)[1]))
        hash_key = int.from_bytes(AES.new(key, AES.MODE_ECB).encrypt(bytes(16)))
        slopes.append(times(hash_key, hash_key))
    block = times(tags[0] ^ tags[1], inverse(slopes[0] ^ slopes[1]))
    tag = (tags[0] ^ times(block, slopes[0])).to_bytes(16)
    block = block.to_bytes(16)

    pictures = [gcm(key).decrypt_and_verify(block, tag) for key, _ in keys]
    assert pictures[0] != pictures[1]
    assert open_envelope({3: versions[0]}, STORE, ID, header + block + tag) == pictures[0]
    does_not_open(header + block + tag, {3: versions[1]})


def test_all_failures_read_the_same():
    envelope = sealed()
    failures = [
        does_not_open(envelope, {3: secrets.token_bytes(32)}),
        does_not_open(envelope, {}),
        does_not_open(envelope, store=bytes(16)),
        does_not_open(envelope, picture_id=bytes(16)),
        does_not_open(envelope[:-1]),
        does_not_open(envelope[:-1] + bytes([envelope[-1] ^ 1])),
        does_not_open(b"DLHE\x01" + envelope[5:]),
        does_not_open(b""),
    ]
    assert {str(error) for error in failures} == {
        "sealed picture does not open: wrong key, wrong id or changed bytes"
    }
    assert all(error.__suppress_context__ or error.__context__ is None for error in failures)


def test_salts_and_nonces_never_repeat():
    envelopes = [sealed(b"the same") for _ in range(10_000)]
    assert len({envelope[10:42] for envelope in envelopes}) == 10_000
    assert len({envelope[42:54] for envelope in envelopes}) == 10_000


def test_no_signature_takes_a_salt_or_a_nonce():
    assert [*inspect.signature(seal).parameters] == [
        "version_key",
        "key_version",
        "store_id",
        "picture_id",
        "content",
    ]


def test_the_tag_is_the_last_16_bytes():
    envelope = sealed()
    assert envelope_tag(envelope) == envelope[-16:]


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (0, KEY[:-1], "version key: expected 32 bytes"),
        (0, "k" * 32, "version key: expected 32 bytes"),
        (1, 0, "key version: 0, expected 1 to 4294967295"),
        (1, 2**32, "key version: 4294967296, expected 1 to 4294967295"),
        (1, "1", "key version: 1, expected 1 to 4294967295"),
        (2, STORE[:-1], "store id: expected 16 bytes"),
        (3, ID + b"x", "picture id: expected 16 bytes"),
        (4, "a picture", "content: expected bytes"),
    ],
    # Their bytes are random: names of tests have to be the same in each process.
    ids=[
        "short key",
        "key of text",
        "version 0",
        "version too high",
        "version of text",
        "short store id",
        "long picture id",
        "content of text",
    ],
)
def test_sealing_refuses_what_is_none_and_shows_no_secret(place, value, message):
    arguments = [KEY, 1, STORE, ID, b""]
    arguments[place] = value
    with pytest.raises(InputError) as error:
        seal(*arguments)
    assert str(error.value) == message
