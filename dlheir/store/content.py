"""What an envelope seals: a picture's file with its name, padded so that lengths do not name it.

The layout is in `FORMAT.md`, section 2. Padding comes before sealing: the server, who sees the
length of every envelope, learns of a picture's length only the logarithm and a few bits more.
"""

from typing import NamedTuple

from dlheir.errors import InputError
from dlheir.store.errors import EnvelopeError

MAX_NAME_BYTES = 2**16 - 1
_LENGTH_BYTES = 8
_FRAME_BYTES = 2 + _LENGTH_BYTES


class Content(NamedTuple):
    """A picture as its owner sealed it.

    Attributes:
        name: the owner's name for it, for example its path in the owner's folder. Who writes it to
            a disk has to check it first, as any text from somebody else.
        picture: the bytes of its file.
    """

    name: str
    picture: bytes


def padme(length: int) -> int:
    """Return the padded length: the next that has no more significant bits than its exponent.

    The padding is at most 11.7 % of the length, less than 6.3 % from 256 bytes on and less than
    3.2 % from 64 KiB on; of a length up to L, O(log log L) bits remain visible.

    Source: Nikitin et al., Reducing Metadata Leakage from Encrypted Files and Communication with
    PURBs, PETS 2019, algorithm 1.

    Args:
        length: in bytes, at least 0.
    """
    if length < 2:
        return length
    exponent = length.bit_length() - 1
    cleared_bits = exponent - exponent.bit_length()  # the low ones, zero in a padded length
    unit = 1 << cleared_bits
    return -(-length // unit) * unit


def content_length(name: str, picture_bytes: int) -> int:
    """Return the length of a content before padding, of a picture of so many bytes."""
    return _FRAME_BYTES + len(name.encode()) + picture_bytes


def encode_content(name: str, picture: bytes) -> bytes:
    """Frame a picture and its name and pad them.

    Args:
        name: at most 65,535 bytes in UTF-8.
        picture: the bytes of its file.

    Returns:
        The bytes to seal; their length is always a Padmé length.

    Raises:
        InputError: on a name that is too long or has no UTF-8.
    """
    try:
        encoded = name.encode()
    except UnicodeEncodeError:
        raise InputError(f"picture name: {name!r} has no UTF-8; rename the file") from None
    if len(encoded) > MAX_NAME_BYTES:
        raise InputError(f"picture name: {len(encoded)} bytes, expected at most {MAX_NAME_BYTES}")
    used = _FRAME_BYTES + len(encoded) + len(picture)
    return b"".join(
        (
            len(encoded).to_bytes(2),
            encoded,
            len(picture).to_bytes(_LENGTH_BYTES),
            picture,
            bytes(padme(used) - used),
        )
    )


def decode_content(content: bytes) -> Content:
    """Undo `encode_content`; nothing that it would not have made is taken.

    Args:
        content: what `open_envelope` returned.

    Raises:
        EnvelopeError: on anything else. As the content of an envelope is authenticated, this is a
            fault of the owner's program.
    """
    if len(content) < _FRAME_BYTES:
        raise _malformed()
    name_end = 2 + int.from_bytes(content[:2])
    start = name_end + _LENGTH_BYTES
    end = start + int.from_bytes(content[name_end:start])
    # A length that points outside makes the padded length differ, so no slice below is cut short.
    if padme(end) != len(content) or not content.endswith(bytes(len(content) - end)):
        raise _malformed()
    try:
        name = content[2:name_end].decode()
    except UnicodeDecodeError:
        raise _malformed() from None
    return Content(name, content[start:end])


def _malformed() -> EnvelopeError:
    return EnvelopeError("sealed picture opens, but its content is malformed")
