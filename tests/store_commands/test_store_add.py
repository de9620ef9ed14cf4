"""Which pictures are added, under which names, and what an interruption leaves."""

import shutil
import signal

import pytest
from desk import contents
from PIL import Image

from dlheir.store import CloudServer


@pytest.fixture
def owner(desk):
    desk.init()
    return desk


def add(desk, *arguments, code=0):
    return desk.run("add", desk.store, *arguments, "--keys", desk.keys, code=code)


def held(desk, names):
    """Those of some names that the store holds; it must hold nothing else."""
    with desk.server() as server:
        ids = set(server.picture_ids)
    keys = desk.open(desk.keys)
    by_id = {keys.picture_id(name): name for name in names}
    assert ids <= by_id.keys()
    return {by_id[picture_id] for picture_id in ids}


def picture(path, colour="red"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 40), colour).save(path, format="PNG")
    return path


def test_names_of_files_and_folders(owner):
    for name in ("a/1.png", "a/sub/2.PNG", "b/3.png", "a/.hidden.png", "a/.git/4.png"):
        picture(owner.home / name)
    (owner.home / "a" / "notes.txt").write_text("no picture")
    picture(owner.home / "c" / "no suffix")
    names = {"1.png", "sub/2.PNG", "3.png", "no suffix"}
    add(owner, "a", owner.home / "b", "c/no suffix")
    assert held(owner, names) == names


def test_what_is_there_already_is_passed(owner):
    picture(owner.home / "a" / "1.png")
    assert "1 added, 0 there already; it holds 1" in add(owner, "a").out
    before = contents(owner.store)
    assert "0 added, 1 there already; it holds 1" in add(owner, "a").out
    assert contents(owner.store)["store.sqlite"] == before["store.sqlite"]
    picture(owner.home / "a" / "2.png")
    assert "1 added, 1 there already; it holds 2" in add(owner, "a").out


def test_two_pictures_of_one_name(owner):
    first, second = picture(owner.home / "a" / "1.png"), picture(owner.home / "b" / "1.png", "blue")
    refused = add(owner, "a", "b", code=2).err
    assert "a/1.png and b/1.png: two pictures with one name, 1.png" in refused
    shutil.copy(first, second)  # the same picture given twice is one picture
    assert "1 added" in add(owner, "a", "b", "a/1.png").out


def test_unreadable_picture_is_named(owner):
    picture(owner.home / "a" / "1.png")
    (owner.home / "a" / "2.png").write_bytes(b"no picture")
    refused = add(owner, "a", code=2).err
    assert "a/2.png" in refused
    assert "--leave-out-unreadable" in refused
    finished = add(owner, "a", "--leave-out-unreadable")
    assert "1 added, 0 there already, 1 left out; it holds 1" in finished.out
    assert "left out: a/2.png" in finished.err


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_interrupted_add_goes_on(owner, start, make_pictures, number):
    root = make_pictures({"red": 150, "green": 150})
    with owner.server() as server:
        running = start("store", "add", owner.store, root, "--keys", owner.keys, env=owner.env)
        running.wait_until(lambda: len(server) > 64)
        finished = running.stop(number)
        acknowledged = len(server)
    assert 64 < acknowledged < 300
    assert acknowledged % 64 == 0  # no half batch
    if number == signal.SIGINT:
        assert finished.code == 130
        assert finished.complaints == ["dlheir: interrupted; the same command goes on"]
        # The last commit may have been interrupted between the disk and the owner's memory.
        assert owner.open(owner.keys).seen >= acknowledged // 64 - 1
    finished = add(owner, root)
    assert f"{300 - acknowledged} added, {acknowledged} there already" in finished.out
    verified = owner.run("verify", owner.store, "--keys", owner.keys)
    assert "300 pictures, none damaged, and all open" in verified.out


def test_init_goes_on_where_it_was_killed(desk, monkeypatch):
    """The keys belong to the store before it is there; the same command makes it."""
    with monkeypatch.context() as patch:
        patch.setattr(CloudServer, "create", interrupt)
        desk.run("keygen", desk.keys, "--raw")
        stopped = desk.run("init", desk.store, "--keys", desk.keys, code=130)
    assert stopped.err == "dlheir: interrupted; the same command goes on\n"
    policy = desk.open(desk.keys).policy
    desk.init()
    with desk.server() as server:
        assert server.policy == policy
    before = contents(desk.home)
    assert "there already" in desk.run("init", desk.store, "--keys", desk.keys).out
    assert contents(desk.home) == before


def interrupt(*arguments, **more):
    raise KeyboardInterrupt


def test_keys_of_a_filled_store_make_no_second_one(owner):
    picture(owner.home / "1.png")
    add(owner, "1.png")
    refused = owner.run("init", "elsewhere", "--keys", owner.keys, code=2).err
    assert "is not in elsewhere" in refused
    assert not (owner.home / "elsewhere").exists()


def test_blobs_in_a_folder(desk):
    desk.init("--blobs", "photos.store/pictures")
    with desk.server() as server:
        assert server.blobs_at == "pictures"
    desk.run("add", desk.store, desk.pictures, "--keys", desk.keys)
    assert len(contents(desk.store / "pictures")) == 30


def test_blobs_elsewhere(desk):
    desk.init("--blobs", "disk/pictures")
    with desk.server() as server:
        assert server.blobs_at == str(desk.home / "disk" / "pictures")
