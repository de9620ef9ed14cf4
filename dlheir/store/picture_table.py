"""The rows of pictures, read and written within whatever transaction the server has begun."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any

from dlheir.store.blobs import Blobs
from dlheir.store.database import Database
from dlheir.store.errors import StoreError, StoreInputError
from dlheir.store.policy import Policy
from dlheir.store.record import HASH_BYTES, MAC_BYTES, PICTURE_ID_BYTES, Leaf, Record

_LEAF = "SELECT picture_id, key_version, code, mac, envelope_hash FROM pictures"


class PictureTable:
    """Leaves in one table, sealed pictures in another or outside.

    What is read is checked: SQLite itself notices little of what a damaged page says.
    """

    def __init__(self, database: Database, policy: Policy, blobs: Blobs | None) -> None:
        self._database, self._blobs = database, blobs
        self._policy = policy
        self._path = database.path

    def all(self) -> list[Leaf]:
        """Return all leaves in the order of ids.

        Raises:
            StoreError: when they cannot be read or are damaged.
        """
        return [self._undamaged(row) for row in self._database.all(f"{_LEAF} ORDER BY picture_id")]

    def sample(self, size: int) -> list[Leaf]:
        """Return some leaves, drawn at random; damage as in `all`."""
        rows = self._database.all(
            f"{_LEAF} WHERE picture_id IN "
            "(SELECT picture_id FROM pictures ORDER BY random() LIMIT ?)",
            (size,),
        )
        return [self._undamaged(row) for row in rows]

    def find(self, picture_id: bytes) -> Leaf | None:
        """Return a picture's leaf, None where there is none."""
        row = self._database.one(f"{_LEAF} WHERE picture_id = ?", (picture_id,))
        return None if row is None else self._undamaged(row)

    def leaf(self, picture_id: bytes) -> Leaf:
        """Return a picture's leaf.

        Raises:
            StoreInputError: when there is none.
        """
        leaf = self.find(picture_id)
        if leaf is None:
            raise StoreInputError(f"{self._path}: holds no picture {bytes(picture_id).hex()}")
        return leaf

    def envelope(self, leaf: Leaf) -> bytes:
        """Return a sealed picture, held to its hash.

        Raises:
            StoreError: when it is damaged; the message names it.
        """
        name = f"picture {leaf.picture_id.hex()}"
        try:
            if self._blobs is not None:
                return self._blobs.get(leaf.envelope_hash.hex())
            row = self._database.one(
                "SELECT envelope FROM envelopes WHERE picture_id = ?", (leaf.picture_id,)
            )
        except StoreError as error:
            raise StoreError(f"{name}: {error}") from error
        envelope = row[0] if row else None
        if not isinstance(envelope, bytes) or sha256(envelope).digest() != leaf.envelope_hash:
            raise StoreError(
                f"{self._path}: {name} is damaged; remove it by this id and add it again"
            )
        return envelope

    def check(self, record: Record) -> None:
        """Refuse a record whose fields have other lengths than the store's.

        Raises:
            StoreInputError: when it is one.
        """
        lengths = (len(record.picture_id), len(record.code), len(record.mac))
        expected = (PICTURE_ID_BYTES, self._policy.stored_code_bytes, MAC_BYTES)
        if lengths != expected:
            raise StoreInputError(
                f"{self._path}: picture id, code and MAC of {lengths} bytes, expected {expected} "
                f"for {self._policy.bits} bits in mode {self._policy.mode}"
            )

    def insert(self, leaves: Sequence[Leaf], envelopes: Sequence[bytes]) -> None:
        """Write the rows of new pictures; sealed ones outside are not written here.

        Args:
            leaves: their rows.
            envelopes: sealed pictures, theirs.

        Raises:
            StoreInputError: on a picture that has a row already.
        """
        for leaf, envelope in zip(leaves, envelopes, strict=True):
            if self.find(leaf.picture_id) is not None:
                raise StoreInputError(
                    f"{self._path}: holds picture {leaf.picture_id.hex()} already"
                )
            self._database.execute("INSERT INTO pictures VALUES (?, ?, ?, ?, ?)", leaf)
            if self._blobs is None:
                values = (leaf.picture_id, envelope)
                self._database.execute("INSERT INTO envelopes VALUES (?, ?)", values)

    def delete(self, leaves: Iterable[Leaf]) -> None:
        """Delete the rows of pictures."""
        for leaf in leaves:
            values = (leaf.picture_id,)
            self._database.execute("DELETE FROM pictures WHERE picture_id = ?", values)
            self._database.execute("DELETE FROM envelopes WHERE picture_id = ?", values)

    def _undamaged(self, row: tuple[Any, ...]) -> Leaf:
        picture_id, version, *others = row
        lengths = [len(f) if isinstance(f, bytes) else None for f in (picture_id, *others)]
        expected = [PICTURE_ID_BYTES, self._policy.stored_code_bytes, MAC_BYTES, HASH_BYTES]
        if lengths != expected or not isinstance(version, int) or not 1 <= version < 2**32:
            raise StoreError(f"{self._path}: its table of codes is damaged; bring back a copy")
        return Leaf(*row)
