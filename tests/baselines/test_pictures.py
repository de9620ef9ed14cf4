"""From files to arrays, on all cores, in order."""

import numpy as np
import pytest
from PIL import Image

from dlheir.baselines.pictures import map_pictures, per_picture, rgb
from dlheir.errors import InputError


@pytest.fixture
def paths(tmp_path):
    made = [tmp_path / f"{shade}.png" for shade in range(0, 250, 5)]
    for path in made:
        Image.new("RGB", (3, 2), (int(path.stem), 0, 7)).save(path)
    return made


def test_levels_are_rows_columns_and_red_green_blue(paths):
    levels = rgb(paths[3])
    assert levels.dtype == np.uint8
    assert levels.tolist() == [[[15, 0, 7]] * 3] * 2


def test_pictures_stand_upright(tmp_path):
    picture = Image.new("RGB", (3, 2))
    exif = picture.getexif()
    exif[0x0112] = 6  # taken with the camera turned
    picture.save(tmp_path / "turned.jpg", exif=exif)
    assert rgb(tmp_path / "turned.jpg").shape == (3, 2, 3)


def test_results_are_in_the_order_of_the_pictures(paths):
    found = per_picture(lambda levels: levels[0, 0, :2], paths, "Looking")
    assert found.tolist() == [[int(path.stem), 0] for path in paths]
    assert map_pictures(lambda levels: levels.shape, paths[:2], "Looking") == [(2, 3, 3)] * 2


def test_the_first_picture_that_cannot_be_read_is_named(paths, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"broken\.png"):
        map_pictures(np.sum, [paths[0], tmp_path / "broken.png", paths[1]], "Looking")


def test_no_picture_is_refused():
    with pytest.raises(InputError, match="give at least one"):
        per_picture(lambda levels: levels, [], "Looking")
