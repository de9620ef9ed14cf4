"""The signed root's bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlheir.store.errors import StoreError
from dlheir.store.root import SignedRoot

NUMBERS = st.integers(0, 2**64 - 1)


def of_length(length: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=length, max_size=length)


ROOTS = st.builds(
    SignedRoot, of_length(16), NUMBERS, NUMBERS, root=of_length(32), signature=of_length(64)
)


def test_the_layout_by_hand():
    root = SignedRoot(b"s" * 16, 258, 3, b"r" * 32, b"e" * 64)
    signed = b"DLHR\x01" + b"s" * 16 + b"\0\0\0\0\0\0\x01\x02" + b"\0\0\0\0\0\0\0\x03" + b"r" * 32
    assert root.signed_bytes == signed
    assert len(signed) == 69
    assert root.encode() == signed + b"e" * 64
    assert len(root.encode()) == 133


@given(ROOTS)
def test_a_root_comes_back(root):
    assert SignedRoot.decode(root.encode()) == root


@given(ROOTS, st.integers(0, 132))
def test_damaged_bytes_are_refused_or_another_root(root, place):
    """The header is checked here; all else is left to the signature, so it must differ."""
    changed = bytearray(root.encode())
    changed[place] ^= 1
    if place < 5:
        with pytest.raises(StoreError, match="damaged"):
            SignedRoot.decode(bytes(changed))
    else:
        assert SignedRoot.decode(bytes(changed)) != root


@pytest.mark.parametrize("length", [0, 5, 69, 132, 134])
def test_another_length_is_refused(length):
    encoded = SignedRoot(bytes(16), 1, 1, bytes(32), bytes(64)).encode() + b"\0"
    with pytest.raises(StoreError, match="damaged"):
        SignedRoot.decode(encoded[:length])
