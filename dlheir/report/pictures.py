"""Retrieval pictures of some of the runs."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from dlheir.report.groups import Group
from dlheir.report.reading import Cell

MOST = 4  # a page with more of them gets heavy
_QUALITY = 80  # in the page: sealed pictures are noise, which is large otherwise


@dataclass(frozen=True)
class Picture:
    """A run's `retrieval.png`.

    Attributes:
        run_id: The run.
        png: The file's content.
        webp: The same, smaller.
    """

    run_id: str
    png: bytes
    webp: bytes


def pictures_of(groups: Sequence[Group]) -> list[Picture]:
    """Read the picture of each group's best known cell: most bits, largest size, first seed."""
    found = []
    for group in groups:
        rows = [row for row in group.rows if row.done]
        rows.sort(key=lambda row: (row.bits, row.image_size), reverse=True)
        pictures = (_read(cell) for row in rows for cell in row.done)
        found.append(next((picture for picture in pictures if picture), None))
    return [picture for picture in found if picture][:MOST]


def has_picture(cell: Cell) -> bool:
    """Whether a cell's run left a picture."""
    return cell.results is not None and cell.folder is not None and cell.folder.picture.is_file()


def _read(cell: Cell) -> Picture | None:
    """The picture of a cell; None where there is none that can be read."""
    path = cell.folder.picture if cell.folder else Path()
    webp = io.BytesIO()
    try:
        png = path.read_bytes()
        with Image.open(io.BytesIO(png)) as image:
            image.save(webp, format="WEBP", quality=_QUALITY)
    except OSError:
        return None
    return Picture(cell.run_id, png, webp.getvalue())
