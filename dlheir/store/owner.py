"""The data owner: seals pictures, uploads them with their protected codes, changes keys."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dlheir.errors import InputError
from dlheir.retrieval import check_codes
from dlheir.store.content import encode_content
from dlheir.store.envelope import envelope_tag, open_envelope, seal
from dlheir.store.errors import ConflictError, LyingServerError, StoreInputError
from dlheir.store.grants import make_grant
from dlheir.store.keys import OwnerKeys
from dlheir.store.ledger import Ledger
from dlheir.store.manifest import one_each, sign_root
from dlheir.store.merkle import MerkleTree
from dlheir.store.protection import CodeProtection
from dlheir.store.record import Record
from dlheir.store.root import SignedRoot
from dlheir.store.server import CloudServer

BATCH_SIZE = 256  # pictures that an upload stores in one transaction
Progress = Callable[[int], None]
"""Called with the number of pictures just done."""

Item = TypeVar("Item")


class Picture(NamedTuple):
    """A picture to upload.

    Attributes:
        name: what the owner calls it, such as a path below a folder; sealed with the picture.
        source: its file, or its bytes.
    """

    name: str
    source: Path | bytes

    def read(self) -> bytes:
        """Return the bytes of the file.

        Raises:
            InputError: when it cannot be read.
        """
        if isinstance(self.source, bytes):
            return self.source
        try:
            return self.source.read_bytes()
        except OSError as error:
            raise InputError(f"{self.source}: cannot be read ({error.strerror})") from None


@dataclass(frozen=True)
class Upload:
    """What an upload did.

    Attributes:
        ids: picture ids in the order of the pictures given.
        sealing_seconds: spent in EncImg, the protection of codes included, reading files not.
        upload_seconds: spent to sign and store the batches.
        plain_bytes: of all picture files together.
        sealed_bytes: of all envelopes together.
    """

    ids: list[bytes]
    sealing_seconds: float
    upload_seconds: float
    plain_bytes: int
    sealed_bytes: int


class DataOwner:
    """Holds the keys and the pictures, and is the only one whose writes the users believe.

    Every method that writes reads the store's table first, once, and holds it to the owner's last
    signature: LyingServerError if the server shows anything else. Batches are transactions: after a
    failure or a kill the earlier ones stand and the same call goes on.
    """

    def __init__(self, keys: OwnerKeys, server: CloudServer) -> None:
        """Take the keys to a store.

        Raises:
            StoreInputError: when they are another store's.
        """
        if keys.policy != server.policy:
            raise StoreInputError(f"{server.path}: is not the store of these keys")
        self._keys = keys
        self._server = server
        self._ledger: Ledger | None = None
        self._protections: dict[int, CodeProtection] = {}

    @staticmethod
    def empty_root(keys: OwnerKeys) -> SignedRoot:
        """Sign the empty store that `CloudServer.create` makes."""
        return sign_root(keys.signing_key, keys.policy.store_id, 0, MerkleTree())

    def missing(self, pictures: Sequence[Picture]) -> list[Picture]:
        """Return the pictures whose names the store does not hold, in the order of their ids.

        Ids look random, so that the order of uploads tells nothing of folders or classes.
        """
        held = self._current_ledger().leaves
        by_id = {self._keys.picture_id(picture.name): picture for picture in pictures}
        return [by_id[picture_id] for picture_id in sorted(by_id) if picture_id not in held]

    def upload(
        self,
        pictures: Sequence[Picture],
        codes: ArrayLike,
        batch_size: int = BATCH_SIZE,
        progress: Progress | None = None,
    ) -> Upload:
        """Seal each picture (EncImg) and store it with its code (hashgen), in the order of ids.

        Args:
            pictures: N pictures of different names, read when their batch is sealed.
            codes: (N, bits) in {0, 1}, in the same order.
            batch_size: pictures a transaction, at least 1; so many are held in memory.
            progress: called after each batch.

        Raises:
            InputError: on codes that do not fit pictures or store, or an unreadable file.
            StoreInputError: on a name that the store holds already.
            StoreError: when the server cannot store them.
        """
        bits = check_codes(codes, "codes", self._keys.policy.bits)
        if len(bits) != len(pictures):
            raise InputError(f"{len(pictures)} pictures with {len(bits)} codes, expected one each")
        ids = [self._keys.picture_id(picture.name) for picture in pictures]
        self._refuse_known(pictures, ids)
        order = sorted(range(len(ids)), key=ids.__getitem__)
        sealing = uploading = 0.0
        plain_bytes = sealed_bytes = 0

        for batch in _batches(order, batch_size):
            plains = [pictures[row].read() for row in batch]
            began = time.perf_counter()
            contents = [
                encode_content(pictures[row].name, plain)
                for row, plain in zip(batch, plains, strict=True)
            ]
            records = self._sealed([ids[row] for row in batch], contents, bits[batch])
            sealed = time.perf_counter()
            with self._writing() as ledger:
                root = ledger.next_root(put=[record.leaf for record in records])
                self._server.put(records, root)
            uploading += time.perf_counter() - sealed
            sealing += sealed - began
            plain_bytes += sum(map(len, plains))
            sealed_bytes += sum(len(record.envelope) for record in records)
            if progress is not None:
                progress(len(batch))
        return Upload(ids, sealing, uploading, plain_bytes, sealed_bytes)

    def remove(
        self,
        names: Sequence[str | bytes],
        batch_size: int = 1024,
        progress: Progress | None = None,
    ) -> None:
        """Take pictures out of the store.

        Args:
            names: as they were uploaded, or picture ids, as messages about damage have them.
            batch_size: pictures a transaction.
            progress: called after each batch.

        Raises:
            StoreInputError: on a name that the store does not hold; then nothing is removed.
        """
        held = self._current_ledger().leaves
        ids = {self._id(name): name for name in names}
        for picture_id, name in ids.items():
            if picture_id not in held:
                known_as = name.hex() if isinstance(name, bytes) else f"named {name}"
                raise StoreInputError(f"{self._server.path}: holds no picture {known_as}")
        for batch in _batches(sorted(ids), batch_size):
            with self._writing() as ledger:
                self._server.remove(batch, ledger.next_root(remove=batch))
            if progress is not None:
                progress(len(batch))

    @property
    def outdated(self) -> int:
        """Number of pictures under an older key version than the primary one."""
        return len(self._outdated_ids())

    def rotate(self, batch_size: int = 64, progress: Progress | None = None) -> None:
        """Bring every picture under the primary key version: opened, sealed anew, code and all.

        Users get their grants of that version first, so that they can ask throughout. Start the
        version with `OwnerKeys.start_version`, and keep the keys in a file, before this.

        Args:
            batch_size: pictures a transaction; so many are held in memory.
            progress: called after each batch.

        Raises:
            EnvelopeError: on a picture that does not open; the earlier batches stand.
            ConflictError: when somebody else has written meanwhile; the same call goes on.
        """
        for recipient in self._keys.users.values():
            self.grant(recipient)
        for batch in _batches(self._outdated_ids(), batch_size):
            contents, codes = zip(*self._opened(batch), strict=True)
            records = self._sealed(batch, contents, np.stack(codes))
            with self._writing() as ledger:
                root = ledger.next_root(put=[record.leaf for record in records])
                self._server.replace(records, root)
            if progress is not None:
                progress(len(batch))

    def grant(self, recipient: bytes) -> None:
        """Leave a user, by public key, the keys of all versions that are live or about to be."""
        # By the ledger: a lying server would have old pictures opened to new users.
        live = {leaf.key_version for leaf in self._current_ledger().leaves.values()}
        for version in sorted(live | {self._keys.primary}):
            grant = make_grant(self._keys, version, recipient)
            self._server.put_grant(recipient, version, grant)

    def _id(self, name: str | bytes) -> bytes:
        return name if isinstance(name, bytes) else self._keys.picture_id(name)

    def _sealed(
        self, ids: Sequence[bytes], contents: Sequence[bytes], codes: NDArray[np.uint8]
    ) -> list[Record]:
        policy, version = self._keys.policy, self._keys.primary
        key = self._keys.versions[version]
        protection = self._protection(version)
        stored_codes = protection.protect(codes, ids)
        records = []
        for picture_id, content, code in zip(ids, contents, stored_codes, strict=True):
            envelope = seal(key, version, policy.store_id, picture_id, content)
            mac = protection.mac(picture_id, code, envelope_tag(envelope))
            records.append(Record(picture_id, version, code, mac, envelope))
        return records

    def _opened(self, ids: Sequence[bytes]) -> Iterator[tuple[bytes, NDArray[np.uint8]]]:
        """Content and code of pictures; each is the one that the owner signed for."""
        ledger = self._current_ledger()
        for picture_id, served in one_each(ids, self._server.get(ids)):
            record = served.record
            if served.root.sequence > ledger.sequence:
                self._ledger = None
                raise ConflictError(
                    f"{self._server.path}: has been written to since it was read (commit "
                    f"{ledger.sequence}); start again"
                )
            if record.leaf != ledger.leaves[picture_id]:
                raise LyingServerError(f"picture {picture_id.hex()} is not the one uploaded")
            content = open_envelope(
                self._keys.versions, self._keys.policy.store_id, picture_id, record.envelope
            )
            protection = self._protection(record.key_version)
            yield content, protection.reveal([record.code], [picture_id])[0]

    def _protection(self, version: int) -> CodeProtection:
        if version not in self._protections:
            key = self._keys.versions[version]
            self._protections[version] = CodeProtection(self._keys.policy, version, key)
        return self._protections[version]

    def _outdated_ids(self) -> list[bytes]:
        leaves = self._current_ledger().leaves
        primary = self._keys.primary
        return sorted(i for i, leaf in leaves.items() if leaf.key_version != primary)

    def _refuse_known(self, pictures: Sequence[Picture], ids: Sequence[bytes]) -> None:
        held = self._current_ledger().leaves
        seen: set[bytes] = set()
        for picture, picture_id in zip(pictures, ids, strict=True):
            if picture_id in held or picture_id in seen:
                raise StoreInputError(
                    f"{self._server.path}: holds a picture named {picture.name} already"
                )
            seen.add(picture_id)

    def _current_ledger(self) -> Ledger:
        if self._ledger is None:
            self._server.sweep()
            self._ledger = Ledger(self._server, self._keys)
        return self._ledger

    @contextmanager
    def _writing(self) -> Iterator[Ledger]:
        ledger = self._current_ledger()
        self._ledger = None  # unless the server takes the change
        yield ledger
        self._ledger = ledger
        self._keys.seen = ledger.sequence


def _batches(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    if size < 1:
        raise InputError(f"batch_size: {size}, expected at least 1")
    return [items[start : start + size] for start in range(0, len(items), size)]
