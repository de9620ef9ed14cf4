"""The data owner: seals pictures and uploads them with their codes."""

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from dlheir.errors import InputError
from dlheir.retrieval import check_codes, pack
from dlheir.store.envelope import seal
from dlheir.store.keys import check_key
from dlheir.store.record import PICTURE_ID_BYTES, Record
from dlheir.store.server import CloudServer

PictureSource = Path | bytes | Callable[[], bytes]
"""A picture's file, its bytes, or what returns its bytes when its turn comes."""


@dataclass(frozen=True)
class Upload:
    """What an upload did.

    Attributes:
        ids: picture ids in the order of the pictures given: the owner's private catalogue.
        sealing_seconds: spent in EncImg; reading the files does not count.
        upload_seconds: spent by the server to store the batches.
        plain_bytes: of all picture files together.
        sealed_bytes: of all envelopes together.
    """

    ids: list[bytes]
    sealing_seconds: float
    upload_seconds: float
    plain_bytes: int
    sealed_bytes: int


class DataOwner:
    """Holds the key and the pictures."""

    def __init__(self, key: bytes, random: np.random.Generator | None = None) -> None:
        """Take the key.

        Args:
            key: 32 bytes from `generate_key`.
            random: draws picture ids and the order of uploads. The default is the operating
                system's randomness. A seeded generator makes the order of ties reproducible and
                the ids predictable: for experiments only. Nonces never come from it.

        Raises:
            InputError: when the key is none.
        """
        self._key = check_key(key)
        self._random = random

    def upload(
        self,
        server: CloudServer,
        pictures: Sequence[PictureSource],
        codes: ArrayLike,
        batch_size: int = 256,
        progress: Callable[[int], None] | None = None,
    ) -> Upload:
        """Seal each picture's file bytes (EncImg) and store them with their codes.

        Pictures go up in shuffled order under random ids, so that neither tells the server of
        paths, classes or order. Each batch is one transaction: when a later one fails, the earlier
        ones stay on the server.

        Args:
            server: where to.
            pictures: N picture files, read when their batch is sealed.
            codes: (N, bits) in {0, 1}, the pictures' codes (hashgen), in the same order.
            batch_size: pictures a transaction, at least 1; so many are held in memory.
            progress: called after each batch with the number of pictures just stored.

        Raises:
            InputError: on codes that do not fit pictures or server, or an unreadable file.
            StoreError: when the server cannot store them.
        """
        bits = check_codes(codes, "codes", server.bits)
        if len(bits) != len(pictures):
            raise InputError(f"{len(pictures)} pictures with {len(bits)} codes, expected one each")
        if batch_size < 1:
            raise InputError(f"batch_size: {batch_size}, expected at least 1")
        packed = pack(bits)
        ids = [self._draw_id() for _ in pictures]
        order = self._draw_order(len(pictures))
        sealing = uploading = 0.0
        plain_bytes = sealed_bytes = 0

        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            plains = [_read(pictures[row]) for row in batch]
            began = time.perf_counter()
            records = [
                Record(ids[row], packed[row].tobytes(), seal(self._key, ids[row], plain))
                for row, plain in zip(batch, plains, strict=True)
            ]
            sealed = time.perf_counter()
            server.put(records)
            uploading += time.perf_counter() - sealed
            sealing += sealed - began
            plain_bytes += sum(map(len, plains))
            sealed_bytes += sum(len(record.envelope) for record in records)
            if progress is not None:
                progress(len(batch))
        return Upload(ids, sealing, uploading, plain_bytes, sealed_bytes)

    def _draw_id(self) -> bytes:
        if self._random is not None:
            return self._random.bytes(PICTURE_ID_BYTES)
        return secrets.token_bytes(PICTURE_ID_BYTES)

    def _draw_order(self, count: int) -> list[int]:
        if self._random is not None:
            return [int(row) for row in self._random.permutation(count)]
        order = list(range(count))
        secrets.SystemRandom().shuffle(order)
        return order


def _read(picture: PictureSource) -> bytes:
    if isinstance(picture, bytes):
        return picture
    if not isinstance(picture, Path):
        return picture()
    try:
        return picture.read_bytes()
    except OSError as error:
        raise InputError(f"{picture}: cannot be read ({error.strerror})") from None
