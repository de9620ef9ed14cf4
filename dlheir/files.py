"""Files that are whole or absent: written beside their place, then moved there."""

import hashlib
import json
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path that becomes `path` when the block ends without an error.

    Args:
        path: The file to write; its folder exists.

    Yields:
        A path in the same folder. A killed process leaves at most this temporary file.
    """
    # Of this thread alone: threads of one process may write the same file at the same time.
    part = path.with_name(f".{path.name}.{threading.get_native_id()}.part")
    try:
        yield part
        # Some file systems store the new name before the content: after a power cut the file would
        # be there and empty. The new name itself may be lost, then the old file is there, whole.
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def free_space(path: Path) -> tuple[Path, int]:
    """Return the nearest folder that is there already, and the bytes free on its disk."""
    there = next(folder for folder in [path, *path.resolve().parents] if folder.exists())
    return there, shutil.disk_usage(there).free


def user_cache() -> Path:
    """Folder of what can be made again, in the user's cache (XDG_CACHE_HOME)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "dlheir"


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, which the files' own syncs do not."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, whole or not at all."""
    with written_whole(path) as part:
        part.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def sha256_of_file(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of(value: Any) -> str:
    """Hexadecimal SHA-256 of a JSON value, independent of the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
