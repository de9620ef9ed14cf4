"""Public keys as people pass them on."""

import base64
import hashlib
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlheir.store.errors import StoreInputError
from dlheir.store.public_keys import parse_public_key, public_key_text

KEY = bytes(range(32))


@given(st.sampled_from(["owner", "user"]), st.binary(min_size=32, max_size=32))
def test_a_key_comes_back(holder, key):
    text = public_key_text(holder, key)
    assert parse_public_key(holder, text) == key
    assert parse_public_key(holder, f" {text.upper()}\n") == key


def test_the_layout_by_hand():
    checksum = hashlib.sha256(b"dlheir-owner-" + KEY).digest()[:3]
    encoded = base64.b32encode(KEY + checksum).decode().lower()
    assert public_key_text("owner", KEY) == f"dlheir-owner-{encoded}"
    assert len(encoded) == 56


@pytest.mark.parametrize("holder", ["owner", "user"])
def test_every_mistyped_character_is_noticed(holder):
    text = public_key_text(holder, KEY)
    start = len(f"dlheir-{holder}-")
    for place in range(len(text)):
        for character in string.ascii_lowercase + string.digits + " -":
            typed = text[:place] + character + text[place + 1 :]
            if typed != text:
                with pytest.raises(StoreInputError):
                    parse_public_key(holder, typed)
    for place in range(start, len(text) - 1):
        swapped = text[:place] + text[place + 1] + text[place] + text[place + 2 :]
        if swapped != text:
            with pytest.raises(StoreInputError, match="mistyped"):
                parse_public_key(holder, swapped)
    for length in range(len(text)):
        with pytest.raises(StoreInputError):
            parse_public_key(holder, text[:length])
    with pytest.raises(StoreInputError, match="mistyped"):
        parse_public_key(holder, text + "a")


def test_the_other_kind_of_key_is_refused():
    owner = public_key_text("owner", KEY)
    with pytest.raises(StoreInputError, match="expected one that begins dlheir-user-"):
        parse_public_key("user", owner)
    with pytest.raises(StoreInputError, match="mistyped"):
        parse_public_key("user", owner.replace("owner", "user"))


@given(st.text())
def test_any_other_text_is_refused_in_one_line(text):
    for typed in (text, f"dlheir-user-{text}"):
        with pytest.raises(StoreInputError) as error:
            parse_public_key("user", typed)
        assert "\n" not in str(error.value)
