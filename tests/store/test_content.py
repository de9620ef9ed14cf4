"""What is sealed: names, pictures and padding, and that only the exact form is read."""

from math import floor, log2

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dlheir.errors import InputError
from dlheir.store.content import Content, decode_content, encode_content, padme
from dlheir.store.errors import EnvelopeError

NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)  # no lone surrogates


def papers_padme(length):
    """Algorithm 1 of the PURBs paper, in its own symbols."""
    e = floor(log2(length))
    s = floor(log2(e)) + 1
    mask = 2 ** (e - s) - 1
    return (length + mask) & ~mask


# Worked by hand: 9 has E = 3, S = 2, so its lowest bit is cleared by rounding up; 1,000,000 has
# E = 19, S = 5, so its lowest 14 bits are: 61.03... rounds up to 62 units of 16,384.
PADDED = {0: 0, 1: 1, 2: 2, 3: 3, 8: 8, 9: 10, 10: 10, 17: 18, 100: 104}
PADDED |= {1_000_000: 1_015_808, 1_015_808: 1_015_808, 2**30: 2**30, 2**30 + 1: 2**30 + 2**25}


def test_padme_by_hand():
    assert {length: padme(length) for length in PADDED} == PADDED


def test_padme_is_that_of_the_paper():
    assert [padme(length) for length in range(2, 70_000)] == [
        papers_padme(length) for length in range(2, 70_000)
    ]


@given(st.integers(2, 2**60))
@example(129)
def test_padding_is_short_and_done_once(length):
    padded = padme(length)
    assert length <= padded
    assert (padded - length) / length <= 15 / 129  # 129 is the worst: 144
    exponent = length.bit_length() - 1
    assert (padded - length) * 2 ** exponent.bit_length() < length  # 2^-4 from 256 on, and so on
    assert padme(padded) == padded
    assert padme(length - 1) <= padded


def test_few_lengths_are_left_to_tell_pictures_apart():
    assert len({padme(length) for length in range(1_000_000)}) < 600


def test_the_layout_by_hand():
    # 2 + 5 + 8 + 9 = 24 bytes, which is a Padmé length; one byte more is padded to 26.
    frame = b"\x00\x05a.jpg" + bytes(7) + b"\x09" + b"a picture"
    assert encode_content("a.jpg", b"a picture") == frame
    frame = b"\x00\x05a.jpg" + bytes(7) + b"\x0a" + b"a picture!" + b"\0"
    assert encode_content("a.jpg", b"a picture!") == frame
    assert decode_content(frame) == Content("a.jpg", b"a picture!")


@given(NAMES, st.binary(max_size=2000))
@example("", b"")
@example("zoë/ü 🌷.jpg", b"\0" * 100)
def test_name_and_picture_come_back(name, picture):
    content = encode_content(name, picture)
    assert decode_content(content) == (name, picture)
    used = 10 + len(name.encode()) + len(picture)
    assert len(content) == padme(used)
    assert content[used:].count(0) == len(content) - used


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused_or_are_what_encoding_gives(content):
    try:
        name, picture = decode_content(content)
    except EnvelopeError:
        return
    assert encode_content(name, picture) == content


@given(NAMES, st.binary(max_size=60), st.data())
def test_a_changed_content_is_refused_or_another_picture_exactly(name, picture, data):
    content = bytearray(encode_content(name, picture))
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        changed = decode_content(bytes(content))
    except EnvelopeError:
        return
    assert changed != (name, picture)
    assert encode_content(*changed) == content


BY_HAND = b"\x00\x05a.jpg" + bytes(7) + b"\x0a" + b"a picture!"


MALFORMED = {
    "empty": b"",
    "no frame": bytes(9),
    "not padded": BY_HAND,
    "padded too far": BY_HAND + bytes(3),
    "padding not zero": BY_HAND + b"\x01",
    "name beyond the end": b"\xff\xff" + bytes(8),
    "picture beyond the end": b"\x00\x00" + b"\xff" * 8,
    "picture length cut by the end": b"\x00\x07" + bytes(8),
    "name no UTF-8": b"\x00\x02\xc3\x28" + bytes(8),
    "name a surrogate": b"\x00\x03\xed\xa0\x80" + bytes(8) + b"\0",
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_malformed_contents_are_refused_alike(kind):
    with pytest.raises(EnvelopeError) as error:
        decode_content(MALFORMED[kind])
    assert str(error.value) == "sealed picture opens, but its content is malformed"
    assert error.value.__suppress_context__ or error.value.__context__ is None


def test_the_longest_name():
    name = "x" * 65_535
    assert decode_content(encode_content(name, b"")) == (name, b"")
    with pytest.raises(InputError, match="65536"):
        encode_content(name + "x", b"")
    with pytest.raises(InputError, match="65536"):
        encode_content("ü" * 32_768, b"")


def test_a_name_without_utf8_is_refused():
    with pytest.raises(InputError, match="UTF-8") as error:
        encode_content("a\udcff.jpg", b"")
    assert "\n" not in str(error.value)
