"""What the cloud server holds of one picture; nothing in it is secret from the server."""

import hashlib
from typing import NamedTuple

PICTURE_ID_BYTES = 16
MAC_BYTES = 32
HASH_BYTES = 32


def prefixed(*fields: bytes) -> bytes:
    """Join fields so that no two lists of fields give the same bytes: u32 length, then field."""
    return b"".join(len(field).to_bytes(4) + field for field in fields)


class Leaf(NamedTuple):
    """A picture's row in the manifest.

    Attributes:
        picture_id: 16 bytes.
        key_version: of the key that protects code and envelope, from 1 up.
        code: as stored: packed (`plain`), transformed and packed (`keyed`) or sealed (`client`).
        mac: 32 bytes, binds code to envelope under a key that the server lacks.
        envelope_hash: SHA-256 of the sealed picture.
    """

    picture_id: bytes
    key_version: int
    code: bytes
    mac: bytes
    envelope_hash: bytes

    @property
    def hash(self) -> bytes:
        """The leaf's hash in the Merkle tree; 0x00 tells leaves from inner nodes (RFC 6962)."""
        key_version = self.key_version.to_bytes(4)
        fields = prefixed(self.picture_id, key_version, self.code, self.mac, self.envelope_hash)
        return hashlib.sha256(b"\x00" + fields).digest()


class Record(NamedTuple):
    """A picture as it is uploaded and served: its leaf with the envelope itself."""

    picture_id: bytes
    key_version: int
    code: bytes
    mac: bytes
    envelope: bytes

    @property
    def leaf(self) -> Leaf:
        """The picture's row in the manifest."""
        return Leaf(*self[:4], hashlib.sha256(self.envelope).digest())
