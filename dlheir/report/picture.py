"""retrieval.png: what was asked, what the server sees, and what the user gets."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dlheir.files import written_whole
from dlheir.models.transform import PictureTransform
from dlheir.store.simulation import Shown

TILE, GAP, MARGIN = 96, 6, 14
RIGHT, WRONG = (46, 139, 87), (200, 60, 50)
_BACKGROUND = (0.92, 0.92, 0.92)
INK, PAPER, QUIET = (30, 30, 30), (255, 255, 255), (120, 120, 120)


@dataclass(frozen=True)
class Answer:
    """One picture that came back."""

    picture: Shown
    relevant: bool
    distance: int


@dataclass(frozen=True)
class Row:
    """One query with its answers, nearest first."""

    query: Path
    class_name: str
    answers: Sequence[Answer]


def draw_retrieval(path: Path, rows: Sequence[Row], title: str) -> None:
    """Draw queries, the sealed answers as the server holds them, and the answers opened.

    Args:
        path: The PNG to write.
        rows: The queries, all with equally many answers.
        title: A line on top.
    """
    answers = len(rows[0].answers)
    columns = 1 + answers
    width = 2 * MARGIN + columns * TILE + columns * GAP
    row_height = 2 * (TILE + GAP) + 24
    canvas = Image.new("RGB", (width, 78 + len(rows) * row_height + MARGIN), PAPER)
    draw = ImageDraw.Draw(canvas)
    draw.text((MARGIN, MARGIN), title, INK, font(17))
    legend = (
        "upper line: sealed, as the cloud server sees the answers; lower line: opened by the user"
    )
    draw.text((MARGIN, MARGIN + 24), legend, QUIET, font(12))
    _legend_colours(draw, MARGIN + 42)
    for number, row in enumerate(rows):
        _draw_row(canvas, draw, row, 78 + number * row_height)
    with written_whole(path) as part:
        canvas.save(part, format="PNG", optimize=True)


def _legend_colours(draw: ImageDraw.ImageDraw, top: int) -> None:
    draw.text((MARGIN, top), "d: Hamming distance to the query,", QUIET, font(12))
    left = MARGIN + int(draw.textlength("d: Hamming distance to the query,  ", font(12)))
    draw.text((left, top), "same class", RIGHT, font(12))
    left += int(draw.textlength("same class  ", font(12)))
    draw.text((left, top), "other class", WRONG, font(12))


def _draw_row(canvas: Image.Image, draw: ImageDraw.ImageDraw, row: Row, top: int) -> None:
    middle = top + (TILE + GAP) // 2
    canvas.paste(tile(row.query.read_bytes()), (MARGIN, middle))
    draw.text((MARGIN, middle + TILE + 3), _shortened(draw, row.class_name), INK, font(12))
    for place, answer in enumerate(row.answers):
        left = MARGIN + (place + 1) * (TILE + GAP) + GAP
        canvas.paste(sealed_tile(answer.picture.envelope), (left, top))
        below = top + TILE + GAP
        canvas.paste(tile(answer.picture.plain), (left, below))
        colour = RIGHT if answer.relevant else WRONG
        draw.rectangle((left, below, left + TILE - 1, below + TILE - 1), outline=colour, width=3)
        draw.text((left, below + TILE + 3), f"d = {answer.distance}", colour, font(12))


def tile(content: bytes, side: int = TILE) -> Image.Image:
    """Draw a picture's file into a square of `side` pixels, whole and upright.

    Raises:
        InputError: the bytes are no picture.
    """
    # Of 8 bits and opaque, whatever the file holds.
    levels = PictureTransform(side, mean=_BACKGROUND, resize="letterbox").load(content)
    return Image.fromarray(levels.permute(1, 2, 0).numpy())


def sealed_tile(envelope: bytes) -> Image.Image:
    """Draw a sealed picture: its own bytes as grey levels, as many as fit a square."""
    side = max(min(math.isqrt(len(envelope)), TILE), 1)
    levels = np.frombuffer(envelope[: side * side], dtype=np.uint8).reshape(side, side)
    return Image.fromarray(levels).convert("RGB").resize((TILE, TILE), Image.Resampling.NEAREST)


def _shortened(draw: ImageDraw.ImageDraw, text: str) -> str:
    while draw.textlength(text, font(12)) > TILE and len(text) > 1:
        text = text[:-2] + "…"
    return text


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the one font, `size` pixels high."""
    return ImageFont.load_default(size)
