"""What is read before, or without, a signature: arbitrary bytes, many with a true beginning."""

import contextlib
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference_format import (
    SHARED,
    VECTORS,
)

from dlheir.errors import InputError
from dlheir.store.errors import GrantError, KeyFileError, StoreError, StoreInputError
from dlheir.store.grants import open_grants
from dlheir.store.keyfile import KeyFile
from dlheir.store.keys import UserKeys
from dlheir.store.policy import Policy
from dlheir.store.public_keys import parse_public_key, public_key_text
from dlheir.store.root import SignedRoot


def noise(genuine):
    """Bytes, text or a genuine beginning that goes on as noise."""
    size = len(genuine)
    cut_off = st.builds(
        lambda length, rest: genuine[:length] + rest,
        st.integers(0, size),
        st.binary(max_size=size),
    )
    full = st.builds(
        lambda length, rest: genuine[:length] + rest[length:],
        st.integers(0, size),
        st.binary(min_size=size, max_size=size),
    )
    return cut_off | full


@given(noise(bytes.fromhex(VECTORS["policies"][1]["encoded"])))
def test_a_policy_has_one_encoding(data):
    with contextlib.suppress(InputError):
        assert Policy.decode(data).encode() == data


@given(noise(bytes.fromhex(VECTORS["signed_root"]["encoded"])))
def test_a_signed_root_has_one_encoding(data):
    with contextlib.suppress(StoreError):
        assert SignedRoot.decode(data).encode() == data


@given(noise(bytes.fromhex(VECTORS["grant"]["grant"])))
def test_a_grant_is_the_owners_or_refused(data):
    user = UserKeys(bytes.fromhex(VECTORS["grant"]["private_key"]), SHARED["owner_public"])
    if data.hex() != VECTORS["grant"]["grant"]:
        with pytest.raises(GrantError):
            open_grants(user, [data])


@given(noise(VECTORS["public_keys"]["owner"].encode()))
def test_a_public_key_as_text_is_whole_or_refused(data):
    text = data.decode(errors="replace")
    with contextlib.suppress(StoreInputError):
        assert public_key_text("owner", parse_public_key("owner", text)) == text.strip().lower()


@given(noise(json.dumps(VECTORS["key_file"]["raw"]).encode()))
def test_a_raw_key_file_is_whole_or_refused(data):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "user.json"
        path.touch(0o600)
        path.write_bytes(data)
        with contextlib.suppress(KeyFileError):
            assert KeyFile.open(path).keys.to_json() == VECTORS["key_file"]["keys"]
