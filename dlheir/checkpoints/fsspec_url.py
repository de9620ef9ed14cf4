"""Files behind every other URL that fsspec knows: object stores, file servers, archives."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dlheir.checkpoints.urls import CHUNK, BrokenError, Opened, one_line, shown
from dlheir.errors import WorkError


@contextmanager
def opened(url: str, offset: int) -> Iterator[Opened]:
    """Open a file at a byte.

    Args:
        url: The file's.
        offset: The first byte that is wanted.

    Raises:
        BrokenError: It may work at the next attempt.
        WorkError: It will not: fsspec does not know the protocol, lacks a package for it, or finds
            no such file.
    """
    from fsspec.core import url_to_fs

    try:
        system, path = url_to_fs(url)
        system.invalidate_cache()
        size, file = system.size(path), system.open(path, "rb")
    except (ImportError, ValueError) as error:
        raise WorkError(f"{shown(url)} cannot be opened ({one_line(error)})") from error
    except FileNotFoundError as error:
        raise WorkError(f"{shown(url)} is not there") from error
    except PermissionError as error:
        raise WorkError(f"{shown(url)} may not be read by you ({one_line(error)})") from error
    except Exception as error:  # each service has its own
        raise BrokenError(f"cannot be reached ({one_line(error)})") from error
    with file:
        yield Opened(offset, size, _chunks(file, offset))


def _chunks(file: Any, offset: int) -> Iterator[bytes]:
    try:
        file.seek(offset)
        while chunk := file.read(CHUNK):
            yield chunk
    except Exception as error:  # each service has its own
        raise BrokenError(f"broke off ({one_line(error)})") from error
