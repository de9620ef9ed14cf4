"""Pictures at the network's size, decoded once and kept on disk for later epochs and runs.

Decoding is most of what reading a picture costs, and it takes cores from a network that trains on
the CPU. What is kept is what would be decoded again, bit for bit.
"""

import math
import os
import zlib
from collections.abc import Iterable
from io import FileIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dlheir.data.dataset import LoadPicture
from dlheir.files import free_space

# Bytes that all files of one folder may take together.
LIMIT = 8_000_000_000
# Before each picture: the CRC-32 of its levels with a bit above it that says that they are there.
_MARK_BYTES = 8
_THERE = 1 << 32


class DecodedPictures:
    """A file with a place for each picture, filled by whoever reads a picture first.

    Several processes may fill and read one file at once. Nothing is locked or flushed: levels that
    were never written, or only half, or damaged later, do not fit their checksum and are decoded
    again. Where the file cannot be written, pictures are decoded each time.

    Args:
        file: Named after all that decides the levels; made when it is first used.
        pictures: The pictures' files, in the order of their places.
        image_size: Side S of the square in pixels.
        load: Path -> uint8 (3, S, S); decodes a picture.
    """

    def __init__(
        self, file: Path, pictures: Iterable[Path], image_size: int, load: LoadPicture
    ) -> None:
        self.path = file
        self._place = {picture: place for place, picture in enumerate(pictures)}
        self._shape = (3, image_size, image_size)
        self._load = load
        self._file: FileIO | None = None
        self._usable = True

    @property
    def nbytes(self) -> int:
        """Bytes of the file with all pictures in it."""
        return len(self._place) * self._stride

    def load(self, picture: Path) -> Tensor:
        """Return a picture's levels, uint8 (3, S, S).

        Raises:
            InputError: The picture is not kept yet and cannot be read.
        """
        offset = self._place[picture] * self._stride
        file = self._opened()
        levels = None if file is None else self._read(file, offset)
        if levels is None:
            levels = self._load(picture)
            if file is not None:
                self._write(file, offset, levels)
        return levels

    def __getstate__(self) -> dict[str, Any]:
        """Each process that is not forked opens the file itself."""
        return self.__dict__ | {"_file": None}

    @property
    def _stride(self) -> int:
        return _MARK_BYTES + math.prod(self._shape)

    def _opened(self) -> FileIO | None:
        if self._file is None and self._usable:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                self._file = FileIO(descriptor, "r+")
            except OSError:
                self._usable = False
        return self._file

    def _read(self, file: FileIO, offset: int) -> Tensor | None:
        mark = bytearray(_MARK_BYTES)
        levels = torch.empty(self._shape, dtype=torch.uint8)
        try:
            found = os.preadv(file.fileno(), [mark, levels.numpy().data], offset)
        except OSError:
            return None
        whole = found == self._stride and mark == _mark_of(levels)
        return levels if whole else None

    def _write(self, file: FileIO, offset: int, levels: Tensor) -> None:
        try:
            os.pwritev(file.fileno(), [_mark_of(levels), levels.numpy().data], offset)
        except OSError:  # no room, or no right to it any more: what is there stays readable
            self._usable = False
            self._file = None


def make_room(file: Path, needed: int) -> bool:
    """Make room for a file among those used before, and note its use.

    Args:
        file: To be written or read; all files beside it are of its kind.
        needed: Bytes of it when it is full.

    Returns:
        Whether it may be used: whether it is within `LIMIT`, and the disk has twice as much free
        as it may still grow. The files that were not used for longest are removed for it.
    """
    used = {path: path.stat() for path in file.parent.glob(f"*{file.suffix}")}
    there = used.pop(file, None)
    growth = needed - (there.st_blocks * 512 if there else 0)
    _, free = free_space(file.parent)
    if needed > LIMIT or 2 * growth > free:
        return False
    total = needed + sum(stat.st_blocks * 512 for stat in used.values())
    for path in sorted(used, key=lambda path: used[path].st_mtime):
        if total <= LIMIT:
            break
        total -= used[path].st_blocks * 512
        path.unlink(missing_ok=True)
    if there:
        os.utime(file)
    return True


def _mark_of(levels: Tensor) -> bytes:
    return (_THERE | zlib.crc32(levels.numpy().data)).to_bytes(_MARK_BYTES, "little")
