"""Sealed pictures outside the database: in a folder, or wherever fsspec reaches.

A blob's name is the SHA-256 of its bytes in hexadecimal. So a name never changes its meaning,
writing twice does no harm, and damage shows on reading, to a server that has no key. The blob is
written before the database row that names it: what a killed program leaves is a blob without a row.
"""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from dlheir.files import sync_folder, written_whole
from dlheir.store.errors import StoreError, StoreInputError

_NAME = re.compile(r"[0-9a-f]{64}")
_FILE_URL = "file://"


class Blobs(Protocol):
    """Where sealed pictures live; every method raises StoreError naming the blob."""

    def put(self, name: str, data: bytes) -> None:
        """Store `data`, durably when this returns, under the SHA-256 of it in hexadecimal."""

    def get(self, name: str) -> bytes:
        """Return what was stored; StoreError where it is missing, unreadable or damaged."""

    def remove(self, name: str) -> None:
        """Delete a blob; one that is missing already is no error."""

    def names(self) -> Iterator[str]:
        """Yield the names of all blobs, in no particular order."""

    def sweep(self) -> None:
        """Delete what killed writers left half written; not while another program writes."""


def blob_name(data: bytes) -> str:
    """Return the name that `data` is stored under."""
    return hashlib.sha256(data).hexdigest()


def open_blobs(location: str) -> Blobs:
    """Open the place that a store was made with.

    Args:
        location: a folder that exists, or a URL of fsspec's: `s3://bucket/folder`.

    Raises:
        StoreInputError: where there is no such place.
    """
    # fsspec would write local files in place and not sync them.
    if "://" not in location or location.startswith(_FILE_URL):
        return FolderBlobs(location.removeprefix(_FILE_URL))
    return FsspecBlobs(location)


class FolderBlobs:
    """Blobs in a folder, in 256 sub-folders by the first two digits of their names."""

    def __init__(self, path: str | Path) -> None:
        """Take the folder. Where it is on a disk that is not mounted, this is the place to notice.

        Raises:
            StoreInputError: when there is no such folder.
        """
        self._path = Path(path)
        self._synced: set[Path] = set()
        if not self._path.is_dir():
            raise StoreInputError(f"{path}: is no folder; make it, or mount the disk that it is on")

    def put(self, name: str, data: bytes) -> None:
        """Write the file and make its name durable: file, rename, folder, and that one's name."""
        _check_data(name, data)
        file = self._file(name)
        try:
            file.parent.mkdir(exist_ok=True)
            with written_whole(file) as part:
                part.write_bytes(data)
            sync_folder(file.parent)
            if file.parent not in self._synced:  # once is enough, also where it stood before
                sync_folder(self._path)
                self._synced.add(file.parent)
        except OSError as error:
            raise StoreError(f"{file}: cannot be written ({error.strerror})") from error

    def get(self, name: str) -> bytes:
        """Read the file and hold it against its name."""
        file = self._file(name)
        try:
            data = file.read_bytes()
        except OSError as error:
            raise StoreError(f"{file}: cannot be read ({error.strerror})") from error
        return _undamaged(data, name, str(file))

    def remove(self, name: str) -> None:
        """Delete the file, if it is there."""
        file = self._file(name)
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"{file}: cannot be removed ({error.strerror})") from error

    def names(self) -> Iterator[str]:
        """Yield the names of all whole files."""
        for file in self._path.glob("[0-9a-f][0-9a-f]/*"):
            if _NAME.fullmatch(file.name) and file.parent.name == file.name[:2]:
                yield file.name

    def sweep(self) -> None:
        """Delete temporary files."""
        for file in self._path.glob("[0-9a-f][0-9a-f]/.*.part"):
            try:
                file.unlink()
            except OSError as error:
                raise StoreError(f"{file}: cannot be removed ({error.strerror})") from error

    def _file(self, name: str) -> Path:
        return self._path / _check_name(name)[:2] / name


class FsspecBlobs:
    """Blobs at a URL, laid out as in a folder, as durable as the service there makes them.

    Meant for object stores, which store an object whole or not at all.
    """

    def __init__(self, url: str) -> None:
        """Open the file system that the URL names.

        Raises:
            StoreInputError: when what fsspec needs for this protocol is not installed.
        """
        from fsspec.core import url_to_fs  # takes a tenth of a second that few stores need

        protocol = url.partition("://")[0]  # all that messages show: URLs may hold passwords
        try:
            self._system, self._root = url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise StoreInputError(f"{protocol}://: cannot be opened ({_line(error)})") from None
        self._made: set[str] = set()

    def put(self, name: str, data: bytes) -> None:
        """Store the object."""
        _check_data(name, data)
        path = self._file(name)
        folder = path.rpartition("/")[0]
        try:
            if folder not in self._made:
                self._system.makedirs(folder, exist_ok=True)
                self._made.add(folder)
            self._system.pipe_file(path, data)
        except Exception as error:  # each service has its own
            raise StoreError(f"{path}: cannot be written ({_line(error)})") from error

    def get(self, name: str) -> bytes:
        """Fetch the object and hold it against its name."""
        path = self._file(name)
        try:
            data: bytes = self._system.cat_file(path)
        except Exception as error:  # each service has its own
            raise StoreError(f"{path}: cannot be read ({_line(error)})") from error
        return _undamaged(data, name, path)

    def remove(self, name: str) -> None:
        """Delete the object, if it is there."""
        path = self._file(name)
        try:
            self._system.rm_file(path)
        except FileNotFoundError:
            pass
        except Exception as error:  # each service has its own
            raise StoreError(f"{path}: cannot be removed ({_line(error)})") from error

    def names(self) -> Iterator[str]:
        """Yield the names of all objects."""
        try:
            self._system.invalidate_cache()
            paths: list[str] = self._system.find(self._root)
        except Exception as error:  # each service has its own
            raise StoreError(f"{self._root}: cannot be listed ({_line(error)})") from error
        for path in paths:
            *_, folder, name = path.rsplit("/", 2)
            if _NAME.fullmatch(name) and folder == name[:2]:
                yield name

    def sweep(self) -> None:
        """Do nothing: a service keeps no half objects."""

    def _file(self, name: str) -> str:
        return f"{self._root}/{_check_name(name)[:2]}/{name}"


def _check_name(name: str) -> str:
    """Return a name that is one; any other could lead out of the folder."""
    if not _NAME.fullmatch(name):
        raise StoreInputError(f"blob {name!r}: expected a name of 64 hexadecimal digits")
    return name


def _check_data(name: str, data: bytes) -> None:
    if blob_name(data) != _check_name(name):
        raise StoreInputError(f"blob {name}: is not the SHA-256 of its bytes")


def _undamaged(data: bytes, name: str, path: str) -> bytes:
    if blob_name(data) != name:
        raise StoreError(f"{path}: is damaged (its bytes have another SHA-256 than its name)")
    return data


def _line(error: Any) -> str:
    """Return an error in one line: services explain themselves in several."""
    return " ".join(str(error).split()) or type(error).__name__
