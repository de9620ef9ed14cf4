"""The generated data set: the same pictures everywhere, whole folders only, no help from colour."""

import os
import sys
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dlheir.data.gallery import CLASSES, render, write_pictures
from dlheir.errors import InputError

# Newer Pythons warn of every fork in a process that has run threads, as torch's tests have.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def write_few(folder, **changes):
    write_pictures(folder, **{"pictures_per_class": 2, "size": 32, **changes})


def files_with_times(folder):
    return {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]}


def grey(picture):
    return np.asarray(Image.fromarray(picture).convert("L"), dtype=float)


def test_class_names_are_sorted_distinct_folder_names():
    assert list(CLASSES) == sorted(set(CLASSES))
    assert all(name.replace("_", "").isalpha() and name.islower() for name in CLASSES)


@pytest.mark.parametrize("size", [32, 64, 97, 200])
def test_picture_is_rgb_of_the_size_asked_for(size):
    picture = render(0, 3, 1, size)
    assert picture.shape == (size, size, 3)
    assert picture.dtype == np.uint8
    assert picture.std() > 10


def test_picture_depends_on_all_arguments_and_on_nothing_else():
    picture = render(1, 2, 3, 32)
    render(9, 9, 9, 32)
    np.testing.assert_array_equal(render(1, 2, 3, 32), picture)
    for other in [(0, 2, 3), (1, 0, 3), (1, 2, 0)]:
        apart = np.abs(render(*other, 32).astype(int) - picture)
        assert apart[:3].mean() > 5  # The ground too, which shows neither shape nor pattern.


@pytest.mark.parametrize("label", range(0, len(CLASSES), 5))
@pytest.mark.parametrize("size", [96, 128, 200])
def test_scene_is_the_same_at_every_size(label, size):
    small = grey(render(0, label, 0, 64))
    large = Image.fromarray(render(0, label, 0, size)).resize((64, 64), Image.Resampling.BOX)
    assert np.corrcoef(small.ravel(), grey(np.asarray(large)).ravel())[0, 1] > 0.93


@pytest.mark.parametrize(
    ("coarse", "fine"), [("banded", "lined"), ("dotted", "speckled"), ("layered", "ruled")]
)
def test_fine_patterns_need_pixels(coarse, fine):
    """A picture of 12 px keeps more of the coarse pattern's contrast than of the fine one's."""

    def kept(pattern):
        label = CLASSES.index(f"moon_{pattern}")
        shares = []
        for number in range(8):
            picture = Image.fromarray(render(0, label, number, 96)).convert("L")
            centre = picture.crop((32, 36, 48, 60))
            coarser = centre.resize((2, 3), Image.Resampling.BOX)
            shares.append(np.std(coarser) / np.std(centre))
        return np.mean(shares)

    assert kept(fine) < 0.8 * kept(coarse)


def test_hsv_histograms_do_not_tell_the_classes_apart():
    database, queries = 20, 4

    def histogram(label, number):
        hsv = Image.fromarray(render(0, label, number, 32)).convert("HSV")
        bins = np.asarray(hsv).reshape(-1, 3) // (32, 64, 64)
        return np.bincount(bins @ (16, 4, 1), minlength=128) / len(bins)

    every = np.array(
        [[histogram(c, n) for n in range(database + queries)] for c in range(len(CLASSES))]
    )
    stored = every[:, :database].reshape(-1, 128)
    labels = np.repeat(np.arange(len(CLASSES)), database)
    precisions = []
    for label, asked in enumerate(every[:, database:]):
        for query in asked:
            nearest = np.abs(stored - query).sum(axis=1).argsort()[:20]
            precisions.append(np.mean(labels[nearest] == label))
    assert np.mean(precisions) < 0.1  # Chance is 0.02.


def test_writes_what_is_rendered_class_per_folder(tmp_path):
    write_few(tmp_path / "a" / "b", seed=7)
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"b"}
    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == list(CLASSES)
    for label, name in enumerate(CLASSES):
        pictures = sorted((tmp_path / "a" / "b" / name).iterdir())
        assert [path.name for path in pictures] == ["0000.png", "0001.png"]
        for number, path in enumerate(pictures):
            with Image.open(path) as picture:
                np.testing.assert_array_equal(picture, render(7, label, number, 32))


def test_whole_folder_stays_untouched(tmp_path):
    write_few(tmp_path / "pictures")
    before = files_with_times(tmp_path)
    write_few(tmp_path / "pictures")
    assert files_with_times(tmp_path) == before


def test_draft_of_a_killed_process_does_not_disturb(tmp_path):
    draft = tmp_path / ".pictures-killed" / "pictures" / CLASSES[0]
    draft.mkdir(parents=True)
    (draft / "0000.png").write_bytes(b"half")
    (tmp_path / "pictures").mkdir()  # As by a user who makes the folder beforehand.
    write_few(tmp_path / "pictures")
    assert len(list((tmp_path / "pictures").glob("*/*.png"))) == 2 * len(CLASSES)


@pytest.mark.parametrize("change", [{"seed": 1}, {"size": 48}, {"pictures_per_class": 3}])
def test_folder_of_other_pictures_is_refused_and_kept(tmp_path, change):
    write_few(tmp_path / "pictures")
    before = files_with_times(tmp_path)
    with pytest.raises(InputError, match="pictures: holds something else"):
        write_few(tmp_path / "pictures", **change)
    assert files_with_times(tmp_path) == before


def test_folder_of_a_user_is_refused_and_kept(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"precious")
    with pytest.raises(InputError, match="remove it or name another folder"):
        write_few(tmp_path)
    assert (tmp_path / "holiday.jpg").read_bytes() == b"precious"


def test_failure_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="expected non-negative"):
        write_few(tmp_path / "pictures", seed=-1)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_kill_leaves_no_folder_and_no_process(tmp_path):
    writer = get_context("fork").Process(
        target=write_in_new_session, args=(tmp_path / "pictures", 256)
    )
    writer.start()
    wait_until(lambda: any(tmp_path.rglob("0000.png")))
    assert is_alive(writer.pid)
    writer.kill()
    writer.join()
    assert not (tmp_path / "pictures").exists()
    wait_until(lambda: not is_alive(writer.pid))
    write_few(tmp_path / "pictures")


def write_in_new_session(folder, size):
    os.setsid()  # Makes the writer and its workers a process group of their own.
    write_pictures(folder, size=size)


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def is_alive(group):
    """Whether any process of a process group runs; a zombie without a parent to wait does not."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, process_group = status.read_text().rpartition(")")[2].split()[:3]
        except OSError:  # Gone since it was listed.
            continue
        if int(process_group) == group and state != "Z":
            return True
    return False
