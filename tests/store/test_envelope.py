"""Sealed pictures: what opens, and that nothing else does."""

import io
import secrets

import pytest
from Crypto.Cipher import AES
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dlheir.errors import InputError
from dlheir.store import EnvelopeError, generate_key, open_envelope, seal

KEY, ID = generate_key(), secrets.token_bytes(16)
HEADER = b"DLHE\x01"


@pytest.fixture(scope="module")
def jpeg() -> bytes:
    file = io.BytesIO()
    Image.effect_noise((40, 30), 50).convert("RGB").save(file, "JPEG")
    return file.getvalue()


def test_a_key_is_32_fresh_bytes():
    keys = {generate_key() for _ in range(100)}
    assert len(keys) == 100
    assert {len(key) for key in keys} == {32}


def test_a_picture_comes_back_byte_by_byte(jpeg):
    envelope = seal(KEY, ID, jpeg)
    assert open_envelope(KEY, ID, envelope) == jpeg
    assert len(envelope) == len(jpeg) + 33
    assert jpeg[:16] not in envelope


@given(st.binary(max_size=300), st.binary(min_size=16, max_size=16))
def test_any_bytes_come_back_under_any_id(plain, picture_id):
    assert open_envelope(KEY, picture_id, seal(KEY, picture_id, plain)) == plain


def test_the_layout_is_the_documented_one(jpeg):
    """Open by hand what seal made, and the other way round."""
    envelope = seal(KEY, ID, jpeg)
    assert envelope[:5] == HEADER
    cipher = AES.new(KEY, AES.MODE_GCM, nonce=envelope[5:17])
    cipher.update(HEADER + ID)
    assert cipher.decrypt_and_verify(envelope[17:-16], envelope[-16:]) == jpeg

    by_hand = AES.new(KEY, AES.MODE_GCM, nonce=bytes(range(12)))
    by_hand.update(HEADER + ID)
    ciphertext, tag = by_hand.encrypt_and_digest(jpeg)
    assert open_envelope(KEY, ID, HEADER + bytes(range(12)) + ciphertext + tag) == jpeg


def test_every_changed_byte_is_refused(jpeg):
    envelope = seal(KEY, ID, jpeg)
    for place in range(len(envelope)):
        changed = bytearray(envelope)
        changed[place] ^= 1 << place % 8
        with pytest.raises(EnvelopeError):
            open_envelope(KEY, ID, bytes(changed))


def test_every_bit_of_a_small_envelope_counts():
    envelope = seal(KEY, ID, b"a picture")
    for bit in range(8 * len(envelope)):
        changed = bytearray(envelope)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(EnvelopeError):
            open_envelope(KEY, ID, bytes(changed))


def test_every_truncation_and_an_extension_is_refused(jpeg):
    envelope = seal(KEY, ID, jpeg)
    for length in range(len(envelope)):
        with pytest.raises(EnvelopeError):
            open_envelope(KEY, ID, envelope[:length])
    for longer in (envelope + b"\0", b"\0" + envelope, envelope + envelope):
        with pytest.raises(EnvelopeError):
            open_envelope(KEY, ID, longer)


def test_an_envelope_opens_under_its_own_id_only(jpeg):
    other = secrets.token_bytes(16)
    with pytest.raises(EnvelopeError):
        open_envelope(KEY, other, seal(KEY, ID, jpeg))
    # Header and id must not run into each other either.
    with pytest.raises(EnvelopeError):
        open_envelope(KEY, ID[:-1], seal(KEY, ID, jpeg))


@pytest.mark.parametrize(
    "key",
    [generate_key(), KEY[:-1] + bytes([KEY[-1] ^ 1]), KEY[:16], b""],
    ids=["another", "one bit", "half", "none"],
)
def test_another_key_does_not_open(key, jpeg):
    with pytest.raises(EnvelopeError):
        open_envelope(key, ID, seal(KEY, ID, jpeg))


def test_all_failures_read_the_same(jpeg):
    envelope = seal(KEY, ID, jpeg)
    attempts = [
        (generate_key(), ID, envelope),
        (KEY, bytes(16), envelope),
        (KEY, ID, envelope[:-1]),
        (KEY, ID, b""),
        (KEY[:5], ID, envelope),
    ]
    messages = set()
    for attempt in attempts:
        with pytest.raises(EnvelopeError) as error:
            open_envelope(*attempt)
        messages.add(str(error.value))
        assert error.value.__suppress_context__ or error.value.__context__ is None
    assert len(messages) == 1


def test_nonces_never_repeat():
    nonces = {seal(KEY, ID, b"the same")[5:17] for _ in range(10_000)}
    assert len(nonces) == 10_000


@pytest.mark.parametrize(
    ("key", "picture_id"),
    [(KEY[:-1], ID), (KEY, ID + b"x"), ("k" * 32, ID)],
    ids=["short key", "long id", "text for a key"],
)
def test_sealing_refuses_a_key_or_id_of_another_length(key, picture_id):
    with pytest.raises(InputError) as error:
        seal(key, picture_id, b"")
    assert "\n" not in str(error.value)
    assert repr(key) not in str(error.value)
