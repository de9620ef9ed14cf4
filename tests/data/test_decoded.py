"""Decoded pictures on disk: what is read is what would be decoded, whatever became of the file."""

import multiprocessing
import os
import pickle
import signal

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlheir.data import decoded
from dlheir.data.decoded import DecodedPictures, make_room
from dlheir.errors import InputError
from dlheir.models import PictureTransform

SIDE = 32
LOAD = PictureTransform(SIDE).load
# As documented: eight bytes of checksum, then the levels.
STRIDE = 8 + 3 * SIDE * SIDE


@pytest.fixture
def paths(make_pictures):
    return sorted(make_pictures({"a": 3, "b": 2}).rglob("*.png"))


class Counting:
    """Decodes, and counts how often."""

    def __init__(self):
        self.calls = 0

    def __call__(self, path):
        self.calls += 1
        return LOAD(path)


@pytest.fixture
def open_file(tmp_path, paths):
    def opened():
        load = Counting()
        return DecodedPictures(tmp_path / "new" / "x.levels", paths, SIDE, load), load

    return opened


def test_each_picture_is_decoded_once_for_all_processes(open_file, paths):
    first, decodes = open_file()
    for _ in range(2):
        for path in reversed(paths):
            assert torch.equal(first.load(path), LOAD(path))
    assert decodes.calls == len(paths)
    assert first.path.stat().st_size == first.nbytes == len(paths) * STRIDE
    second, decodes = open_file()
    for path in paths:
        assert torch.equal(second.load(path), LOAD(path))
    assert decodes.calls == 0


def test_a_black_picture_is_told_from_none(tmp_path):
    file = DecodedPictures(
        tmp_path / "x", ["white", "black"], SIDE, lambda p: torch.full((3, SIDE, SIDE), 255).byte()
    )
    file.load("black")  # makes the place before it a hole of zeros
    assert (file.load("white") == 255).all()
    kept = DecodedPictures(
        tmp_path / "y", ["black"], SIDE, lambda p: torch.zeros(3, SIDE, SIDE).byte()
    )
    kept.load("black")
    again = DecodedPictures(tmp_path / "y", ["black"], SIDE, Counting())
    assert not again.load("black").any()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.data())
def test_a_damaged_file_gives_no_other_levels(open_file, paths, data):
    whole, _ = open_file()
    for path in paths:
        whole.load(path)
    content = bytearray(whole.path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans(), label="cut short"):
        content = content[:at]
        broken = len(paths) - at // STRIDE
    else:
        content[at] ^= data.draw(st.integers(1, 255))
        broken = 1
    whole.path.write_bytes(content)
    again, decodes = open_file()
    for _ in range(2):
        for path in paths:
            assert torch.equal(again.load(path), LOAD(path))
    assert decodes.calls == broken  # and mended by then


def test_another_process_opens_it_itself(open_file, paths):
    here, _ = open_file()
    here.load(paths[0])
    copy = pickle.loads(pickle.dumps(here))  # as loaders do where they do not fork
    assert torch.equal(copy.load(paths[0]), LOAD(paths[0]))
    assert copy._load.calls == 1  # as many as when it was copied


def _fill(file, paths):
    while True:
        for path in paths:
            file.load(path)
        os.truncate(file.path, 0)


def test_a_killed_writer_leaves_nothing_wrong(open_file, paths):
    file, _ = open_file()
    for moment in range(8):
        writer = multiprocessing.get_context("fork").Process(target=_fill, args=(file, paths))
        writer.start()
        writer.join(0.01 * (moment + 1))
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        reader, _ = open_file()
        for path in paths:
            assert torch.equal(reader.load(path), LOAD(path))


def test_where_nothing_can_be_written_pictures_are_decoded(tmp_path, paths):
    (tmp_path / "taken").write_text("a file, no folder")
    load = Counting()
    file = DecodedPictures(tmp_path / "taken" / "x.levels", paths, SIDE, load)
    for _ in range(2):
        assert torch.equal(file.load(paths[0]), LOAD(paths[0]))
    assert load.calls == 2


def test_a_full_disk_stops_no_one(disk, paths):
    load = Counting()
    file = DecodedPictures(disk("size=8k") / "x.levels", paths, SIDE, load)
    for _ in range(2):
        for path in paths:
            assert torch.equal(file.load(path), LOAD(path))
    assert len(paths) < load.calls


def test_an_unreadable_picture_is_named_and_not_kept(open_file, paths):
    file, _ = open_file()
    original = paths[0].read_bytes()
    paths[0].write_bytes(b"no picture")
    with pytest.raises(InputError, match=paths[0].name):
        file.load(paths[0])
    paths[0].write_bytes(original)
    assert torch.equal(file.load(paths[0]), LOAD(paths[0]))


def test_room_is_made_by_what_was_not_used_for_longest(tmp_path, monkeypatch):
    monkeypatch.setattr(decoded, "LIMIT", 100 * 4096)
    for age, name in enumerate(["newest", "older", "oldest"]):
        file = tmp_path / f"{name}.levels"
        file.write_bytes(b"x" * 30 * 4096)
        os.utime(file, (1e9 - age, 1e9 - age))
    (tmp_path / "another.kind").write_bytes(b"x" * 90 * 4096)
    left = {"newest.levels", "older.levels", "another.kind"}
    assert make_room(tmp_path / "new.levels", 40 * 4096)  # 90 + 40 are too many, 60 + 40 are not
    assert {path.name for path in tmp_path.iterdir()} == left
    assert make_room(tmp_path / "older.levels", 30 * 4096)  # used, and so the newest
    assert make_room(tmp_path / "new.levels", 70 * 4096)
    assert {path.name for path in tmp_path.iterdir()} == left - {"newest.levels"}
    assert not make_room(tmp_path / "new.levels", 101 * 4096)
    assert (tmp_path / "older.levels").exists()


def test_half_of_the_disk_stays_free(disk):
    folder = disk("size=1M")
    assert make_room(folder / "x.levels", 400_000)
    assert not make_room(folder / "x.levels", 600_000)
    (folder / "x.levels").write_bytes(b"x" * 500_000)
    assert make_room(folder / "x.levels", 600_000)  # most of it is there
