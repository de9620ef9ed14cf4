"""A checkpoint's file into the cache: verified before it gets its name, one process at a time.

pooch does the caching, the verifying and the trying again. What lies in the folder beside the file
is of use only to the process that holds the lock, or to the next one: the lock, and a part.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pooch
from filelock import FileLock, Timeout
from requests import RequestException

from dlheir.checkpoints.registry import Entry
from dlheir.checkpoints.transfer import Transfer, wrong_file
from dlheir.checkpoints.urls import say
from dlheir.errors import WorkError
from dlheir.files import sha256_of_file
from dlheir.locks import NO_LOCKS

LOCK, PART = ".lock", ".part"


def download(entry: Entry, url: str, target: Path, timeout: float, retries: int) -> Path:
    """Download a file, or go on with it, unless another process has done so in the meantime.

    Args:
        entry: What has to come.
        url: From where.
        target: Its place in the cache, in a folder of its own.
        timeout: Seconds after which a silent server counts as gone.
        retries: How often to try again.

    Returns:
        `target`, whose SHA-256 is the entry's.

    Raises:
        WorkError: It cannot be had. Of what came, only the part is kept.
    """
    folder = target.parent
    folder.mkdir(parents=True, exist_ok=True)
    pooch.get_logger().setLevel("WARNING")  # Transfer says more of what goes wrong
    files = pooch.create(
        path=folder,
        base_url="",
        registry={target.name: entry.sha256},
        urls={target.name: url},
        retry_if_failed=retries,
    )
    with _alone(folder / LOCK, entry.name):
        _remove_litter(folder)
        if target.exists() and sha256_of_file(target) != entry.sha256:
            say(f"{target} is damaged; it is downloaded again")
            target.unlink()
        transfer = Transfer(entry, folder / PART, timeout, retries + 1)
        try:
            return Path(files.fetch(target.name, downloader=transfer))
        except RequestException as error:
            raise WorkError(
                f"checkpoint {entry.name}: {transfer.failure}; gave up after {retries + 1} "
                "attempts, the next call goes on from there"
            ) from error
        except WorkError as error:
            raise WorkError(f"checkpoint {entry.name}: {error}") from error
        except ValueError as error:  # pooch's, of a wrong hash
            raise WorkError(f"checkpoint {entry.name}: {wrong_file(url)}") from error


@contextmanager
def _alone(path: Path, name: str) -> Iterator[None]:
    """Wait until no other process downloads it, and keep others waiting."""
    lock = FileLock(path)
    try:
        try:
            lock.acquire(blocking=False)
        except Timeout:
            say(f"checkpoint {name}: another process downloads it; waiting for it")
            lock.acquire()
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        raise WorkError(
            f"{path}: cannot be locked ({error.strerror}); set XDG_CACHE_HOME to a folder on a "
            "local disk"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _remove_litter(folder: Path) -> None:
    """Remove what a killed process left under names that pooch and W&B drew."""
    for path in folder.glob("tmp*"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
