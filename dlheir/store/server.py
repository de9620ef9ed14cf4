"""The cloud server: sealed pictures and codes in one SQLite file.

It never holds a key or a plain picture, and this module imports nothing that could open one.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dlheir.retrieval import HammingIndex, check_codes, packed_bytes, unpack
from dlheir.store.errors import StoreError, StoreInputError
from dlheir.store.record import PICTURE_ID_BYTES, Record

_APPLICATION_ID = 0x444C4849  # "DLHI" in the file's header: what tells a store from any database
_FORMAT = 1

# Codes stand apart from envelopes, in the order of ids, so that building the index reads them
# alone and in one go.
_SCHEMA = f"""
BEGIN;
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {_FORMAT};
CREATE TABLE store (bits INTEGER NOT NULL, commits INTEGER NOT NULL);
CREATE TABLE codes (picture_id BLOB PRIMARY KEY, code BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE envelopes (picture_id BLOB NOT NULL UNIQUE, envelope BLOB NOT NULL);
INSERT INTO store VALUES ({{bits}}, 0);
COMMIT;
"""


@dataclass(frozen=True)
class _Ranking:
    """The index, built from what commit number `commit` left behind."""

    commit: int
    picture_ids: NDArray[np.object_]
    index: HammingIndex


class CloudServer:
    """Stores what the data owner uploads and searches it for the query user.

    Use it as a context manager, or call `close`: after that the folder holds the one file. An
    upload is on the disk when `put` returns, all of it or, after any failure, nothing.

    Every method raises StoreError (StoreInputError where the caller gave something wrong) with one
    line that names the file.
    """

    def __init__(self, path: str | Path) -> None:
        """Open an existing store.

        Raises:
            StoreInputError: when the file is missing or is no store.
        """
        self.path = Path(path)
        _check_header(self.path)
        self._ranking: _Ranking | None = None
        self._connection = _connect(self.path)
        try:
            with self._errors():
                self.bits: int = self._one("SELECT bits FROM store")
        except BaseException:
            self.close()
            raise
        self._code_bytes = packed_bytes(self.bits)

    @classmethod
    def create(cls, path: str | Path, bits: int) -> Self:
        """Make an empty store for codes of `bits` bits and open it.

        Raises:
            StoreInputError: when the file exists, the folder does not, or bits < 1.
            StoreError: when it cannot be written.
        """
        file = Path(path)
        packed_bytes(bits)  # refuses a length that no code has
        try:
            file.touch(exist_ok=False)
        except FileExistsError:
            raise StoreInputError(f"{path}: exists already; give another file name") from None
        except OSError as error:
            raise StoreInputError(f"{path}: cannot be created ({error.strerror})") from None
        try:
            _write_schema(file, bits)
        except BaseException:
            file.unlink()
            raise
        return cls(file)

    def close(self) -> None:
        """Close the file. A second call does nothing."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __len__(self) -> int:
        """Return the number of pictures."""
        with self._errors():
            return int(self._one("SELECT count(*) FROM codes"))

    @property
    def picture_ids(self) -> list[bytes]:
        """All ids in the order in which pictures at equal distance are ranked: ascending."""
        with self._errors():
            rows = self._connection.execute("SELECT picture_id FROM codes ORDER BY picture_id")
            return [picture_id for (picture_id,) in rows]

    def put(self, records: Iterable[Record]) -> None:
        """Store pictures: all of them, or none if anything fails, the iterable included.

        Args:
            records: read once, one at a time.

        Raises:
            StoreInputError: on a known id, or an id or code of the wrong length.
            StoreError: when the disk is full or cannot be written.
        """
        with self._errors(), self._transaction():
            for record in records:
                self._insert(record)
            self._connection.execute("UPDATE store SET commits = commits + 1")

    def search(self, trapdoors: ArrayLike, k: int) -> tuple[NDArray[np.object_], NDArray[np.int32]]:
        """Find the k pictures nearest to each trapdoor (the paper's Search(HC, HC_q) -> R).

        Args:
            trapdoors: (Q, bits) in {0, 1}, from `QueryUser.trapdoor`.
            k: answers a query, at least 1; more than the store holds asks for all.

        Returns:
            picture ids (Q, min(k, N)), an object array of bytes (numpy's own bytes type drops
            trailing zeros), and distances (Q, min(k, N)) in bits, ordered by (distance, id).

        Raises:
            StoreInputError: on trapdoors of another length.
            InputError: on trapdoors that are no codes, or k < 1.
        """
        queries = check_codes(trapdoors, "trapdoors")
        if queries.shape[1] != self.bits:
            raise StoreInputError(
                f"{self.path}: trapdoors of {queries.shape[1]} bits, the store's have {self.bits}"
            )
        ranking = self._current_ranking()
        rows, distances = ranking.index.search(queries, k)
        return ranking.picture_ids[rows], distances

    def get(self, picture_ids: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the sealed pictures, one at a time, in the order of the ids.

        Raises:
            StoreInputError: on reaching an id that the store does not hold.
        """
        for picture_id in picture_ids:
            with self._errors():
                envelope = self._one(
                    "SELECT envelope FROM envelopes WHERE picture_id = ?", (picture_id,)
                )
            if envelope is None:
                raise StoreInputError(f"{self.path}: holds no picture {bytes(picture_id).hex()}")
            yield envelope

    def _insert(self, record: Record) -> None:
        picture_id, code, envelope = record
        if len(picture_id) != PICTURE_ID_BYTES:
            raise StoreInputError(
                f"{self.path}: picture id of {len(picture_id)} bytes, expected {PICTURE_ID_BYTES}"
            )
        unused_bits = 8 * self._code_bytes - self.bits
        padding = int.from_bytes(code) & ((1 << unused_bits) - 1)
        if len(code) != self._code_bytes or padding:
            raise StoreInputError(
                f"{self.path}: code of another length, the store's have {self.bits} bits "
                f"packed in {self._code_bytes} bytes"
            )
        try:
            self._connection.execute("INSERT INTO codes VALUES (?, ?)", (picture_id, code))
        except sqlite3.IntegrityError:
            raise StoreInputError(
                f"{self.path}: holds picture {picture_id.hex()} already"
            ) from None
        self._connection.execute("INSERT INTO envelopes VALUES (?, ?)", (picture_id, envelope))

    def _current_ranking(self) -> _Ranking:
        """Return the index, rebuilt if anyone has committed since."""
        with self._errors(), self._transaction("DEFERRED"):  # number and codes of one moment
            commit = self._one("SELECT commits FROM store")
            if self._ranking is None or self._ranking.commit != commit:
                self._ranking = self._build_ranking(commit)
        return self._ranking

    def _build_ranking(self, commit: int) -> _Ranking:
        rows = self._connection.execute(
            "SELECT picture_id, code FROM codes ORDER BY picture_id"
        ).fetchall()
        picture_ids = np.array([picture_id for picture_id, _ in rows], dtype=object)
        packed = np.frombuffer(b"".join(code for _, code in rows), dtype=np.uint8)
        codes = unpack(packed.reshape(-1, self._code_bytes), self.bits)
        return _Ranking(commit, picture_ids, HammingIndex(codes))

    def _one(self, sql: str, values: tuple[Any, ...] = ()) -> Any:
        """Return the first column of the first row, None where there is no row."""
        row = self._connection.execute(sql, values).fetchone()
        return None if row is None else row[0]

    @contextmanager
    def _transaction(self, kind: str = "IMMEDIATE") -> Iterator[None]:
        self._connection.execute(f"BEGIN {kind}")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.rollback()  # does nothing where SQLite has rolled back by itself
            raise

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: {error}") from error


def _check_header(file: Path) -> None:
    """Refuse what is no store, by the numbers that `_SCHEMA` left in SQLite's file header.

    SQLite itself would take an empty file, and any program's database, for an empty store.
    """
    try:
        with file.open("rb") as stream:
            header = stream.read(100)
    except OSError as error:
        raise StoreInputError(f"{file}: cannot be opened as a store ({error.strerror})") from None
    version, application = header[60:64], header[68:72]  # sqlite.org/fileformat2.html, section 1.3
    if application != _APPLICATION_ID.to_bytes(4):
        raise StoreInputError(f"{file}: is no store; CloudServer.create() makes one")
    if version != _FORMAT.to_bytes(4):
        raise StoreInputError(f"{file}: is a store of another format than this program's {_FORMAT}")


def _connect(file: Path) -> sqlite3.Connection:
    """Open an existing file; transactions begin and end where this module says."""
    try:
        connection = sqlite3.connect(
            f"{file.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None
        )
    except sqlite3.Error as error:
        raise StoreError(f"{file}: cannot be opened ({error})") from error
    try:
        # FULL, and the folder is synced too when the rollback journal is deleted: without that a
        # power cut could bring the journal back and undo an upload that was acknowledged. The
        # journal, not WAL: run folders often lie on network file systems.
        connection.execute("PRAGMA synchronous = EXTRA")
    except sqlite3.Error as error:
        connection.close()
        raise StoreError(f"{file}: cannot be opened ({error})") from error
    return connection


def _write_schema(file: Path, bits: int) -> None:
    connection = _connect(file)
    try:
        connection.executescript(_SCHEMA.format(bits=int(bits)))
    except sqlite3.Error as error:
        raise StoreError(f"{file}: {error}") from error
    finally:
        connection.close()
