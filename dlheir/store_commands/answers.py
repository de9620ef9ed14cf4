"""The folder that a search leaves: the opened pictures, a table of them, and search.png."""

import csv
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from dlheir.errors import InputError
from dlheir.output import printable

_HOME = Path("answers")  # of folders that were given no place
_MAX_STEM_BYTES, _MAX_SUFFIX_BYTES = 100, 16
# Separators, and what one or another system refuses in a name.
_UNWANTED = re.compile(r'[<>:"/\\|?*�]')


class Row(NamedTuple):
    """A line of answers.csv; the fields are its columns.

    Attributes:
        rank: from 1.
        distance: to the query, in bits.
        name: what the owner calls the picture; empty where it is damaged.
        picture_id: in hexadecimal.
        file: in the folder; empty where the picture is damaged.
    """

    rank: int
    distance: int
    name: str
    picture_id: str
    file: str


class Answer(NamedTuple):
    """An answer, opened or not.

    Attributes:
        row: its line in answers.csv.
        fault: why it did not open; empty where it did.
        envelope: the sealed picture; empty where it did not open.
        picture: the bytes of the opened file; empty where it did not.
    """

    row: Row
    fault: str = ""
    envelope: bytes = b""
    picture: bytes = b""


def place_of_answers(asked: Path | None, query: Path, store: Path) -> Path:
    """Choose the folder of a search's answers, one that does not exist.

    Args:
        asked: the user's choice, if there is one.
        query: the query picture, after which the folder is named otherwise.
        store: the server's folder, where opened pictures must not lie.

    Raises:
        InputError: when `asked` exists, or the folder would lie in the server's.
    """
    place = _free_place(query) if asked is None else asked
    if place.resolve().is_relative_to(store.resolve()):
        raise InputError(
            f"{place}: opened pictures must not lie in the server's folder {store}; choose another "
            "place by --out"
        )
    if place.exists():
        raise InputError(f"{place}: exists already; choose another folder by --out")
    if not next(parent for parent in place.resolve().parents if parent.exists()).is_dir():
        raise InputError(f"{place}: there is a file in the way of this folder")
    return place


@contextmanager
def written_folder(place: Path) -> Iterator[Path]:
    """Yield a folder, for its owner's eyes only, that becomes `place` when the block ends well."""
    place.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{place.name}.", suffix=".part", dir=place.parent))
    try:
        yield part
        part.rename(place)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def file_name(rank: str, distance: str, name: str) -> str:
    """Return a name for an answer's file, whatever its owner called it.

    It starts with rank and distance, is never hidden, has no separators and nothing that cannot be
    seen, and is short enough for every file system.
    """
    flat = _UNWANTED.sub("_", printable(name))
    suffix = PurePosixPath(flat).suffix
    stem = _cut(flat.removesuffix(suffix), _MAX_STEM_BYTES)
    return f"{rank}_d{distance}_{stem}{_cut(suffix, _MAX_SUFFIX_BYTES)}".rstrip(" .")


def write_table(path: Path, rows: list[Row]) -> None:
    """Write answers.csv."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(Row._fields)
        writer.writerows(rows)


def _free_place(query: Path) -> Path:
    stem = _UNWANTED.sub("_", printable(query.stem))
    place, number = _HOME / stem, 1
    while place.exists():
        number += 1
        place = _HOME / f"{stem}-{number}"
    return place


def _cut(text: str, length: int) -> str:
    return text.encode()[:length].decode(errors="ignore")
