"""The cloud server's SQLite file: its tables, how it is opened, and what its errors mean.

On a local disk the journal is a write-ahead log with `synchronous = FULL`: a commit returns when
the log is on the disk. A network file system has no shared memory, which the log needs: there it
is a rollback journal with `synchronous = EXTRA`, which also syncs the folder, as a journal that a
power cut brought back would undo an upload that was acknowledged.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dlheir.files import sync_folder, written_whole
from dlheir.store.errors import StoreError, StoreInputError
from dlheir.store.file_system import is_network, is_read_only

FORMAT = 2  # 1, without key versions and signed roots, was never published
_APPLICATION_ID = 0x444C4849  # "DLHI" in the file's header: what tells a store from any database
_BESIDE = ("-wal", "-shm", "-journal")  # what SQLite adds to the file's name
_PATIENCE = 30.0  # seconds to wait while another process writes

# Envelopes stand apart, so that what the index and the manifest need is read in one go, in the
# order of ids. `store` has one row.
_SCHEMA = f"""
BEGIN;
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {FORMAT};
CREATE TABLE store (policy BLOB NOT NULL, root BLOB NOT NULL, blobs TEXT);
CREATE TABLE pictures (
    picture_id BLOB PRIMARY KEY,
    key_version INTEGER NOT NULL,
    code BLOB NOT NULL,
    mac BLOB NOT NULL,
    envelope_hash BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE envelopes (picture_id BLOB NOT NULL UNIQUE, envelope BLOB NOT NULL);
CREATE TABLE grants (
    recipient BLOB NOT NULL,
    key_version INTEGER NOT NULL,
    sealed_key BLOB NOT NULL,
    PRIMARY KEY (recipient, key_version)
) WITHOUT ROWID;
COMMIT;
"""

# What to do about an error, by SQLite's result code: the exact one if it is here, else the primary.
_ADVICE = {
    sqlite3.SQLITE_BUSY: "another program writes to it; try again",
    sqlite3.SQLITE_CANTOPEN: "SQLite writes beside the file, even to read it; make the folder "
    "writable, or copy the store to one that is",
    sqlite3.SQLITE_CORRUPT: "a part of the file is damaged; bring back a copy, or see what "
    "`dlheir store verify` names",
    sqlite3.SQLITE_FULL: "make room and run the same again",
    sqlite3.SQLITE_IOERR: "the disk does not answer",
    sqlite3.SQLITE_IOERR_SHMSIZE: "the disk is full; make room and run the same again",
    sqlite3.SQLITE_NOTADB: "the file is damaged; bring back a copy",
    sqlite3.SQLITE_READONLY: "the store cannot be written; make file and folder writable",
}


class Database:
    """An open store's file. Every method raises StoreError with one line that names the file."""

    def __init__(self, path: Path) -> None:
        """Open an existing file.

        Raises:
            StoreInputError: when it is missing or is no store.
            StoreError: when SQLite cannot open it.
        """
        self.path = path
        _check_header(path)
        mode = "mode=rw"
        if is_read_only(path):
            _check_no_log(path)
            mode = "mode=ro&immutable=1"  # or SQLite would want to make a log beside the file
        with self.errors():
            self._connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?{mode}",
                uri=True,
                isolation_level=None,  # transactions begin and end where `transaction` says
                timeout=_PATIENCE,
            )
        try:
            self._set_journal()
        except BaseException:
            self.close()
            raise

    @classmethod
    def create(cls, path: Path, policy: bytes, root: bytes, blobs: str | None) -> None:
        """Write a new file with no picture in it, whole or not at all.

        Raises:
            StoreInputError: when the file exists or the folder does not.
            StoreError: when it cannot be written.
        """
        if path.exists():
            raise StoreInputError(f"{path}: exists already; choose another place for a store")
        if not path.parent.is_dir():
            raise StoreInputError(f"{path}: cannot be created; make the folder {path.parent} first")
        try:
            remove_store(path)  # a log without its file would be played into the new one
            with written_whole(path) as part:
                remove_store(part)  # of a process of the same number that was killed
                connection = sqlite3.connect(part)
                try:
                    connection.executescript(_SCHEMA)
                    connection.execute("INSERT INTO store VALUES (?, ?, ?)", (policy, root, blobs))
                    connection.commit()
                finally:
                    connection.close()
            sync_folder(path.parent)  # or a power cut could take the new name away
        except OSError as error:
            raise StoreInputError(f"{path}: cannot be created ({error.strerror})") from error
        except sqlite3.Error as error:
            raise StoreError(f"{path}: cannot be created: {_explained(error)}") from error

    def close(self) -> None:
        """Close the file: after that the folder holds this one alone. A second call is none."""
        self._connection.close()

    def execute(self, sql: str, values: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        """Run one statement."""
        with self.errors():
            return self._connection.execute(sql, values)

    def all(self, sql: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """Return all rows."""
        with self.errors():
            return self._connection.execute(sql, values).fetchall()

    def one(self, sql: str, values: tuple[Any, ...] = ()) -> Any:
        """Return the first row, None where there is none."""
        with self.errors():
            return self._connection.execute(sql, values).fetchone()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Everything in the block is stored when it ends, or nothing; one writer at a time."""
        try:
            with self._transaction("IMMEDIATE"):
                yield
        except StoreError as error:
            if getattr(error.__cause__, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                self._give_room_back()
            raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All reads in the block see one moment, whoever writes meanwhile."""
        with self._transaction("DEFERRED"):
            yield

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn SQLite's errors into StoreErrors that say what to do."""
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: {_explained(error)}") from error

    @contextmanager
    def _transaction(self, kind: str) -> Iterator[None]:
        try:
            self.execute(f"BEGIN {kind}")
            yield
            self.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # closed, or the disk is gone: what failed first counts
                self._connection.rollback()  # does nothing where SQLite has rolled back by itself
            raise

    def _give_room_back(self) -> None:
        """Cut the log off that has just filled the disk, or it would until the store is closed."""
        with suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _set_journal(self) -> None:
        if is_read_only(self.path):
            return
        journal, synchronous = ("DELETE", "EXTRA") if is_network(self.path) else ("WAL", "FULL")
        (current,) = self.one(f"PRAGMA journal_mode = {journal}")
        if current.upper() != journal:
            raise StoreError(
                f"{self.path}: the file system has no {journal} journal; move the store elsewhere"
            )
        self.execute(f"PRAGMA synchronous = {synchronous}")
        # Whatever is committed goes into the file at once, while there is room for it: a log that
        # fills the disk can be cut off only if nothing waits in it.
        self.execute("PRAGMA wal_autocheckpoint = 1")


def _explained(error: sqlite3.Error) -> str:
    """Return the error in SQLite's words, and what to do about it."""
    code = getattr(error, "sqlite_errorcode", 0)
    advice = _ADVICE.get(code, _ADVICE.get(code & 0xFF))
    return f"{error}; {advice}" if advice else str(error)


def remove_store(path: Path) -> None:
    """Delete a store's file, if it is there, and what a killed process left beside it."""
    for suffix in ("", *_BESIDE):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _check_no_log(path: Path) -> None:
    for suffix in ("-wal", "-journal"):
        log = path.with_name(path.name + suffix)
        if log.exists() and log.stat().st_size:
            raise StoreInputError(
                f"{path}: was not closed, and nothing can be written here; copy it with {log.name} "
                "to a disk that can be written"
            )


def _check_header(path: Path) -> None:
    """Refuse what is no store, by the numbers that `_SCHEMA` left in SQLite's file header.

    SQLite itself would take an empty file, and any program's database, for an empty store.
    """
    try:
        with path.open("rb") as stream:
            header = stream.read(100)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else "unreadable"
        raise StoreInputError(f"{path}: cannot be opened as a store ({reason})") from None
    version, application = header[60:64], header[68:72]  # sqlite.org/fileformat2.html, section 1.3
    if application != _APPLICATION_ID.to_bytes(4):
        raise StoreInputError(f"{path}: is no store; `dlheir store init` makes one")
    if version != FORMAT.to_bytes(4):
        raise StoreInputError(
            f"{path}: is a store of format {int.from_bytes(version)}, this program reads {FORMAT}; "
            "seal the pictures again"
        )
