"""retrieval.png."""

import io

import numpy as np
import pytest
from PIL import Image

from dlheir.report.picture import GAP, MARGIN, RIGHT, TILE, WRONG, Answer, Row, draw_retrieval
from dlheir.store.simulation import Shown

TOP = 78  # title and legend
HEIGHT = 2 * (TILE + GAP) + 24  # of a row


def encoded(picture, kind="PNG"):
    file = io.BytesIO()
    picture.save(file, kind)
    return file.getvalue()


BLUE = encoded(Image.new("RGB", (80, 80), (0, 0, 250)))


def answer(relevant, plain=BLUE, envelope=bytes(range(256)) * 40):
    return Answer(Shown(envelope, plain), relevant, 3)


@pytest.fixture
def drawn(tmp_path):
    def draw(*rows):
        query = tmp_path / "query.png"
        Image.new("RGB", (80, 80), (250, 0, 0)).save(query)
        draw_retrieval(
            tmp_path / "out.png", [Row(query, "a class", answers) for answers in rows], "title"
        )
        with Image.open(tmp_path / "out.png") as picture:
            return picture.convert("RGB")

    return draw


def left_of(place):
    return MARGIN + (place + 1) * (TILE + GAP) + GAP


def test_size_grows_with_rows_and_answers(drawn):
    picture = drawn([answer(True)] * 3, [answer(True)] * 3)
    assert picture.size == (2 * MARGIN + 4 * (TILE + GAP), TOP + 2 * HEIGHT + MARGIN)


def test_frames_tell_relevant_from_other_answers(drawn):
    relevant = [[True, False, True], [False, False, True]]
    picture = drawn(*([answer(r) for r in row] for row in relevant))
    for number, row in enumerate(relevant):
        opened = TOP + number * HEIGHT + TILE + GAP
        for place, is_relevant in enumerate(row):
            colour = RIGHT if is_relevant else WRONG
            corners = [(0, 0), (TILE - 1, 0), (0, TILE - 1), (TILE - 1, TILE - 1)]
            for x, y in corners:
                assert picture.getpixel((left_of(place) + x, opened + y)) == colour
            middle = (left_of(place) + TILE // 2, opened + TILE // 2)
            assert picture.getpixel(middle) == (0, 0, 250)


def test_query_stands_left(drawn):
    picture = drawn([answer(True)])
    assert picture.getpixel((MARGIN + TILE // 2, TOP + HEIGHT // 2)) == (250, 0, 0)


def test_sealed_answers_are_their_own_bytes(drawn):
    envelope = np.random.default_rng(0).bytes(TILE * TILE + 33)
    picture = np.asarray(drawn([answer(True, envelope=envelope)]))
    shown = picture[TOP : TOP + TILE, left_of(0) : left_of(0) + TILE, 0]
    assert shown.tobytes() == envelope[: TILE * TILE]


@pytest.mark.parametrize(
    "plain",
    [
        encoded(Image.fromarray(np.full((20, 30), 40000, np.uint16))),
        encoded(Image.new("RGBA", (20, 30), (9, 9, 9, 0))),
        encoded(Image.new("P", (20, 30)), "GIF"),
        encoded(Image.new("CMYK", (300, 2)), "JPEG"),
    ],
)
def test_pictures_of_other_kinds_and_short_envelopes_are_drawn(drawn, plain):
    picture = drawn([answer(True, plain, envelope=b"short")])
    assert picture.getpixel((left_of(0), TOP + TILE + GAP)) == RIGHT


def test_sixteen_bits_are_not_clipped_to_white(drawn):
    plain = encoded(Image.fromarray(np.full((20, 20), 128 << 8, np.uint16)))
    picture = drawn([answer(True, plain)])
    centre = (left_of(0) + TILE // 2, TOP + TILE + GAP + TILE // 2)
    assert picture.getpixel(centre) == (128, 128, 128)


def test_long_class_names_do_not_run_into_the_answers(tmp_path):
    query = tmp_path / "query.png"
    Image.new("RGB", (8, 8)).save(query)
    draw_retrieval(tmp_path / "out.png", [Row(query, "w" * 200, [answer(True)])], "title")
    with Image.open(tmp_path / "out.png") as picture:
        levels = np.asarray(picture.convert("L"))
    below = TOP + (TILE + GAP) // 2 + TILE + 3
    assert (levels[below : below + 16, MARGIN + TILE + 1 : left_of(0)] == 255).all()
