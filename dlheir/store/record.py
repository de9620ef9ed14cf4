"""What the data owner uploads for one picture."""

from typing import NamedTuple

PICTURE_ID_BYTES = 16


class Record(NamedTuple):
    """One row of the cloud server; nothing in it is secret from the server.

    Attributes:
        picture_id: 16 bytes, drawn at random.
        code: the packed code, one row of `dlheir.retrieval.pack`.
        envelope: the sealed picture.
    """

    picture_id: bytes
    code: bytes
    envelope: bytes
