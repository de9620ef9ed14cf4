"""The signed root: the few bytes by which an owner vouches for a whole store."""

from dataclasses import dataclass

from dlheir.store.errors import StoreError

_HEADER = b"DLHR\x01"
_SIGNED_BYTES = len(_HEADER) + 16 + 8 + 8 + 32
ROOT_BYTES = _SIGNED_BYTES + 64


@dataclass(frozen=True)
class SignedRoot:
    """What a store held after one commit, as its owner signed it.

    The signature is not checked here but by `dlheir.store.manifest.verify_root`: the server stores
    and serves signed roots without any cryptography.

    Attributes:
        store_id: 16 bytes.
        sequence: number of the commit, 0 (the empty store) to 2^64 - 1.
        count: number of pictures, 0 to 2^64 - 1.
        root: `MerkleTree.root` over their leaves, 32 bytes.
        signature: Ed25519, 64 bytes.
    """

    store_id: bytes
    sequence: int
    count: int
    root: bytes
    signature: bytes

    @property
    def signed_bytes(self) -> bytes:
        """The 69 bytes that the owner signs: "DLHR", version, store id, sequence, count, root."""
        numbers = self.sequence.to_bytes(8) + self.count.to_bytes(8)
        return _HEADER + self.store_id + numbers + self.root

    def encode(self) -> bytes:
        """Return 133 bytes: those that are signed, then the signature."""
        return self.signed_bytes + self.signature

    @classmethod
    def decode(cls, encoded: bytes) -> "SignedRoot":
        """Undo `encode`.

        Raises:
            StoreError: when the bytes are no signed root.
        """
        if len(encoded) != ROOT_BYTES or not encoded.startswith(_HEADER):
            raise StoreError("signed root: damaged, or of another program")
        return cls(
            store_id=encoded[5:21],
            sequence=int.from_bytes(encoded[21:29]),
            count=int.from_bytes(encoded[29:37]),
            root=encoded[37:69],
            signature=encoded[69:],
        )
