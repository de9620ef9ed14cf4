"""One process at a time: lock files.

The lock is the kernel's (a POSIX record lock): it ends with the process that holds it, however that
ends, and processes started by it do not inherit it. It belongs to the process, which loses it when
it closes the file in any way: who holds a lock must not ask `held_by` for it.
"""

import errno
import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dlheir.errors import InputError

# Of file systems without locks.
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP}


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep a lock file while the block runs, and with it all other processes out.

    Where the file system has no locks, the block runs all the same.

    Args:
        path: The lock file; its folder exists.

    Raises:
        InputError: Another process holds it; it is named.
    """
    descriptor = _acquire(path)
    try:
        os.truncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()} on {socket.gethostname()}".encode())
        yield
    finally:
        # Removed before it is let go, and only if it is still this one: the folder may have been
        # set aside, and another process be at work in a new one.
        if _is(path, descriptor):
            path.unlink()
        os.close(descriptor)


def held_by(path: Path) -> str | None:
    """The process that holds a lock file, as `PID on HOST`; None where there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        if _try_lock(descriptor, fcntl.LOCK_SH):
            return None
        return os.read(descriptor, 1000).decode(errors="replace") or "unknown"
    finally:
        os.close(descriptor)


def refuse_held(path: Path) -> None:
    """Refuse to go on while another process holds a lock file.

    Raises:
        InputError: There is one; it is named.
    """
    holder = held_by(path)
    if holder is not None:
        raise InputError(f"{path.parent}: process {holder} is at work there; wait for it")


def _acquire(path: Path) -> int:
    """Open and lock a file; the descriptor keeps it locked."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        if _try_lock(descriptor, fcntl.LOCK_EX) and _is(path, descriptor):
            return descriptor
        os.close(descriptor)
        refuse_held(path)
        time.sleep(0.01)  # another process only looks at it, or has just removed it


def _try_lock(descriptor: int, kind: int) -> bool:
    """Whether the file could be locked; so it counts where there are no locks."""
    try:
        fcntl.lockf(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in {errno.EACCES, errno.EAGAIN}:
            return False
        if error.errno not in NO_LOCKS:
            raise
    return True


def _is(path: Path, descriptor: int) -> bool:
    """Whether a path still names the open file."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
