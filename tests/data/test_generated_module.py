"""The generated data set as a data module."""

import pytest
from PIL import Image

from dlheir.data import Generated
from dlheir.data.gallery import CLASSES
from dlheir.errors import InputError


def test_pictures_are_painted_once_into_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    settings = {"pictures_per_class": 2, "image_size": 32, "pictures_seed": 3}
    data = Generated(**settings)
    root = tmp_path / "dlheir" / "generated" / "s3-2x-32px"
    assert data.collection.root == root
    assert data.collection.classes == CLASSES
    assert data.image_size == 32
    with Image.open(root / CLASSES[0] / "0000.png") as picture:
        assert picture.size == (32, 32)
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    assert Generated(**settings, seed=1).split_sha256 != data.split_sha256
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before
    assert data.public


@pytest.mark.parametrize(
    "settings", [{"pictures_per_class": 1}, {"pictures_seed": -1}, {"image_size": 0}, {"seed": -1}]
)
def test_arguments_out_of_range(tmp_path, settings):
    with pytest.raises(InputError, match=r"is -?[01]; "):
        Generated(str(tmp_path / "g"), **settings)
    assert not (tmp_path / "g").exists()
