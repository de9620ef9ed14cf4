"""search.png: the query, its answers as the server holds them, and the answers opened."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from dlheir.errors import InputError
from dlheir.output import end_of, printable
from dlheir.report.picture import (
    GAP,
    INK,
    MARGIN,
    PAPER,
    QUIET,
    TILE,
    font,
    sealed_tile,
    tile,
)
from dlheir.store.owner import Picture
from dlheir.store_commands.answers import Answer

_LINE = 10  # answers beside each other
_QUERY = 2 * TILE + GAP
_LINE_HEIGHT = _QUERY + 48
_HEAD = 66
_ANSWERS_LEFT = MARGIN + _QUERY + 4 * GAP
_NARROWEST = 5  # answers that the head needs room for
_EMPTY = (235, 235, 235)


def draw_search(path: Path, query: Picture, answers: Sequence[Answer], title: str) -> None:
    """Draw a search.

    Args:
        path: the PNG to write.
        query: name and bytes of the query's file.
        answers: nearest first, at least one; two lines of ten are enough for the eye.
        title: a line on top.
    """
    columns = min(max(len(answers), _NARROWEST), _LINE)
    lines = -(-len(answers) // _LINE)
    width = _ANSWERS_LEFT + columns * (TILE + GAP) - GAP + MARGIN
    canvas = Image.new("RGB", (width, _HEAD + lines * _LINE_HEIGHT), PAPER)
    draw = ImageDraw.Draw(canvas)
    draw.text((MARGIN, MARGIN), title, INK, font(17))
    legend = "above: sealed, as the server holds it; below: opened; d: Hamming distance in bits"
    draw.text((_ANSWERS_LEFT, MARGIN + 28), legend, QUIET, font(12))
    draw.text((MARGIN, MARGIN + 28), "query", QUIET, font(12))
    canvas.paste(_opened_tile(query.read(), query.name, _QUERY), (MARGIN, _HEAD))
    name = _fitted(draw, query.name, _QUERY)
    draw.text((MARGIN, _HEAD + _QUERY + 3), name, INK, font(12))
    for place, answer in enumerate(answers):
        line, column = divmod(place, _LINE)
        left, top = _ANSWERS_LEFT + column * (TILE + GAP), _HEAD + line * _LINE_HEIGHT
        _draw_answer(canvas, draw, answer, left, top)
    canvas.save(path, format="PNG", optimize=True)


def _draw_answer(
    canvas: Image.Image, draw: ImageDraw.ImageDraw, answer: Answer, left: int, top: int
) -> None:
    row, below = answer.row, top + TILE + GAP
    if answer.fault:
        sealed = opened = _blank(TILE, "damaged")
    else:
        sealed = sealed_tile(answer.envelope)
        opened = _opened_tile(answer.picture, row.name, TILE)
    canvas.paste(sealed, (left, top))
    canvas.paste(opened, (left, below))
    draw.text((left, below + TILE + 3), f"{row.rank}.  d = {row.distance}", INK, font(12))
    name = _fitted(draw, row.name, TILE)
    draw.text((left, below + TILE + 18), name, QUIET, font(12))


def _opened_tile(content: bytes, name: str, side: int) -> Image.Image:
    try:
        return tile(content, side)
    except InputError:  # opened and verified, but no picture, or of no kind that can be drawn
        return _blank(side, name)


def _blank(side: int, text: str) -> Image.Image:
    square = Image.new("RGB", (side, side), _EMPTY)
    draw = ImageDraw.Draw(square)
    middle = (side // 2, side // 2)
    draw.text(middle, _fitted(draw, text, side), QUIET, font(12), anchor="mm")
    return square


def _fitted(draw: ImageDraw.ImageDraw, name: str, width: int) -> str:
    """Cut a name to `width` pixels."""
    text = end_of(printable(name))
    while draw.textlength(text, font(12)) > width:
        text = end_of(text, len(text) - 1)
    return text
