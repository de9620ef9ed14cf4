"""Sealed pictures outside the database: durable, whole, named by their content."""

import hashlib
import multiprocessing
import os
import secrets
import signal
import sys
from pathlib import Path

import pytest

from dlheir.store.blobs import FolderBlobs, FsspecBlobs, blob_name, open_blobs
from dlheir.store.errors import StoreError, StoreInputError

DATA = b"DLHE, a sealed picture"
NAME = hashlib.sha256(DATA).hexdigest()
MISSING = hashlib.sha256(b"another").hexdigest()


@pytest.fixture(params=["folder", "file://", "memory://"])
def blobs(request, tmp_path):
    if request.param == "folder":
        return FolderBlobs(tmp_path)
    if request.param == "file://":
        return FsspecBlobs(f"file://{tmp_path}")
    return FsspecBlobs(f"memory://{secrets.token_hex(8)}")  # memory is one for the whole process


def test_what_is_put_comes_back(blobs):
    pictures = {blob_name(data): data for data in (b"", DATA, secrets.token_bytes(100_000))}
    for name, data in pictures.items():
        blobs.put(name, data)
    assert {name: blobs.get(name) for name in blobs.names()} == pictures


def test_an_empty_place_has_no_names(blobs):
    assert list(blobs.names()) == []
    blobs.sweep()


def test_putting_the_same_again_changes_nothing(blobs):
    blobs.put(NAME, DATA)
    blobs.put(NAME, DATA)
    assert list(blobs.names()) == [NAME]
    assert blobs.get(NAME) == DATA


def test_removed_is_gone_and_removing_again_is_no_error(blobs):
    blobs.put(NAME, DATA)
    blobs.remove(NAME)
    blobs.remove(NAME)
    blobs.remove(MISSING)
    assert list(blobs.names()) == []
    with pytest.raises(StoreError, match=NAME):
        blobs.get(NAME)


def test_a_missing_blob_is_named(blobs):
    blobs.put(NAME, DATA)
    with pytest.raises(StoreError, match=f"{MISSING}: cannot be read") as error:
        blobs.get(MISSING)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "name",
    ["", "../../etc/passwd", NAME[:-1], NAME + "0", NAME.upper(), f"../{NAME}", f"{NAME}\n", "/"],
)
def test_no_other_name_leads_anywhere(blobs, name):
    for use in (lambda: blobs.put(name, DATA), lambda: blobs.get(name), lambda: blobs.remove(name)):
        with pytest.raises(StoreInputError, match="64 hexadecimal digits"):
            use()
    assert list(blobs.names()) == []


def test_data_under_a_name_that_is_not_its_hash_is_refused(blobs):
    with pytest.raises(StoreInputError, match=f"{MISSING}: is not the SHA-256"):
        blobs.put(MISSING, DATA)
    assert list(blobs.names()) == []


@pytest.mark.parametrize("damage", [DATA[:-1], DATA + b"\0", b"", b"X" + DATA[1:]])
@pytest.mark.parametrize("kind", [FolderBlobs, lambda path: FsspecBlobs(f"file://{path}")])
def test_damage_is_named_and_the_rest_stays_readable(tmp_path, kind, damage):
    blobs = kind(tmp_path)
    other = secrets.token_bytes(100)
    blobs.put(NAME, DATA)
    blobs.put(blob_name(other), other)
    (tmp_path / NAME[:2] / NAME).write_bytes(damage)
    with pytest.raises(StoreError, match=f"{NAME}: is damaged"):
        blobs.get(NAME)
    assert blobs.get(blob_name(other)) == other
    blobs.put(NAME, DATA)  # whoever still has it can put it back
    assert blobs.get(NAME) == DATA


def test_both_kinds_lay_a_folder_out_alike(tmp_path):
    FolderBlobs(tmp_path).put(NAME, DATA)
    assert (tmp_path / NAME[:2] / NAME).read_bytes() == DATA
    assert FsspecBlobs(f"file://{tmp_path}").get(NAME) == DATA
    other = secrets.token_bytes(100)
    FsspecBlobs(f"file://{tmp_path}").put(blob_name(other), other)
    assert FolderBlobs(tmp_path).get(blob_name(other)) == other
    assert set(FolderBlobs(tmp_path).names()) == {NAME, blob_name(other)}


def test_names_leaves_out_what_is_no_blob(tmp_path):
    blobs = FolderBlobs(tmp_path)
    blobs.put(NAME, DATA)
    elsewhere = tmp_path / ("00" if NAME[:2] != "00" else "01")
    elsewhere.mkdir()
    strays = [tmp_path / "README", tmp_path / NAME, elsewhere / NAME, elsewhere / "x"]
    strays.append(elsewhere / f"{elsewhere.name} no hash")
    for stray in strays:
        stray.write_bytes(DATA)
    assert list(blobs.names()) == [NAME]
    assert list(FsspecBlobs(f"file://{tmp_path}").names()) == [NAME]


class Remembering:
    """A service as fsspec wraps most of them: it lists a folder once and then from memory."""

    def __init__(self):
        self.paths, self.listed = [], None

    def invalidate_cache(self):
        self.listed = None

    def find(self, root):
        if self.listed is None:
            self.listed = list(self.paths)
        return self.listed


def test_another_programs_blob_is_seen_at_once():
    blobs = FsspecBlobs("memory://somewhere")
    blobs._system = Remembering()
    assert list(blobs.names()) == []
    blobs._system.paths.append(f"/somewhere/{NAME[:2]}/{NAME}")
    assert list(blobs.names()) == [NAME]


def test_put_syncs_file_then_name_then_folder(tmp_path, monkeypatch):
    """What a power cut cannot undo, in the order in which it becomes so."""
    steps = []
    real_fsync, real_replace = os.fsync, Path.replace

    def fsync(descriptor):
        steps.append(("sync", Path(f"/proc/self/fd/{descriptor}").readlink()))
        real_fsync(descriptor)

    def replace(part, target):
        steps.append(("rename", Path(target)))
        return real_replace(part, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    blobs = FolderBlobs(tmp_path)
    blobs.put(NAME, DATA)
    (first, part), *rest = steps
    file = tmp_path / NAME[:2] / NAME
    assert first == "sync"
    assert part.parent == file.parent
    assert part != file
    assert rest == [("rename", file), ("sync", file.parent), ("sync", tmp_path)]

    steps.clear()
    blobs.put(NAME, DATA)
    assert [step for step, _ in steps] == ["sync", "rename", "sync"]  # the sub-folder stands


def kill_at_rename(folder):
    def die(*_):
        os.kill(os.getpid(), signal.SIGKILL)

    Path.replace = die
    FolderBlobs(folder).put(NAME, DATA)


def test_killed_before_the_rename_leaves_only_a_temporary_file(tmp_path):
    process = multiprocessing.get_context("spawn").Process(target=kill_at_rename, args=(tmp_path,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL

    blobs = FolderBlobs(tmp_path)
    (leftover,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert leftover.read_bytes() == DATA
    assert list(blobs.names()) == []
    with pytest.raises(StoreError, match="cannot be read"):
        blobs.get(NAME)
    blobs.put(NAME, DATA)
    blobs.sweep()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / NAME[:2] / NAME]
    assert blobs.get(NAME) == DATA


def test_a_full_disk_is_an_error_and_leaves_nothing(disk):
    folder = disk("size=256k")
    blobs = FolderBlobs(folder)
    blobs.put(NAME, DATA)
    large = secrets.token_bytes(10**6)
    with pytest.raises(StoreError, match=rf"{blob_name(large)}: cannot be written \(No space left"):
        blobs.put(blob_name(large), large)
    assert list(blobs.names()) == [NAME]
    assert blobs.get(NAME) == DATA
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 1


def test_a_read_only_disk_is_read_and_not_written(disk):
    folder = disk("size=256k")
    FolderBlobs(folder).put(NAME, DATA)
    remounted = os.system(f"mount -o remount,ro '{folder}'")
    assert remounted == 0
    blobs = FolderBlobs(folder)
    assert blobs.get(NAME) == DATA
    with pytest.raises(StoreError, match=r"cannot be written \(Read-only"):
        blobs.put(NAME, DATA)
    with pytest.raises(StoreError, match=r"cannot be removed \(Read-only"):
        blobs.remove(NAME)


def test_a_folder_that_is_missing_is_noticed_at_once(tmp_path):
    with pytest.raises(StoreInputError, match="nowhere: is no folder"):
        open_blobs(str(tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_that_goes_away_is_an_error(tmp_path):
    folder = tmp_path / "blobs"
    folder.mkdir()
    blobs = FolderBlobs(folder)
    folder.rmdir()
    with pytest.raises(StoreError, match=r"cannot be written \(No such file"):
        blobs.put(NAME, DATA)
    assert not folder.exists()


def test_the_location_says_which_kind(tmp_path):
    assert isinstance(open_blobs(str(tmp_path)), FolderBlobs)
    # fsspec neither syncs local files nor writes them whole.
    assert isinstance(open_blobs(f"file://{tmp_path}"), FolderBlobs)
    assert isinstance(open_blobs("memory://somewhere"), FsspecBlobs)


def test_an_unknown_protocol_is_refused_without_showing_the_password():
    with pytest.raises(StoreInputError, match="nosuch://: cannot be opened") as error:
        open_blobs("nosuch://user:secret@host/folder")
    assert "secret" not in str(error.value)


def test_without_its_package_a_protocol_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(StoreInputError, match=r"s3://: cannot be opened \(Install s3fs"):
        open_blobs("s3://bucket/folder")


class Failing:
    """A service that is down, with an error of its own in several lines."""

    class Down(Exception):
        pass

    def __getattr__(self, name):
        def fail(*arguments, **options):
            raise self.Down("503\n  try later")

        return fail


def test_any_error_of_a_service_is_one_line_that_names_the_blob():
    blobs = FsspecBlobs("memory://somewhere")
    blobs._system = Failing()
    uses = [lambda: blobs.put(NAME, DATA), lambda: blobs.get(NAME), lambda: blobs.remove(NAME)]
    for use in uses:
        with pytest.raises(StoreError, match=rf"{NAME}: .*\(503 try later\)"):
            use()
    with pytest.raises(StoreError, match=r"somewhere: cannot be listed \(503 try later\)"):
        list(blobs.names())
