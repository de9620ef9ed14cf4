"""What a search writes, prints and draws, and what it refuses to believe."""

import shutil

import numpy as np
import pytest
from desk import contents, damage
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dlheir.report.picture import GAP, MARGIN, TILE
from dlheir.store import CloudServer, DataOwner, KeyFile, Picture, UserKeys
from dlheir.store_commands.answers import file_name

HEAD, QUERY = 66, 2 * TILE + GAP


def upload(desk, name, content):
    """Add a picture past the command, which would not take it, at the query's own place."""
    keys = desk.open(desk.keys)
    code = np.zeros((1, keys.policy.bits), dtype=np.uint8)
    with desk.server() as server:
        DataOwner(keys, server).upload([Picture(name, content)], code)


def test_files_and_table(desk):
    desk.fill()
    answers = desk.search("answers", k=3)
    rows = answers.rows
    assert [row["rank"] for row in rows] == ["1", "2", "3"]
    for row in rows:
        flat = row["name"].replace("/", "_")
        assert row["file"] == f"{int(row['rank']):02}_d{int(row['distance']):02}_{flat}"
        assert row["picture_id"] == desk.open(desk.keys).picture_id(row["name"]).hex()
    assert contents(answers.folder).keys() == {
        "answers.csv",
        "search.png",
        *(row["file"] for row in rows),
    }
    assert (
        answers.folder.stat().st_mode & 0o77
    ) == 0  # decrypted pictures are for one pair of eyes


def test_more_than_the_store_holds(desk):
    desk.fill()
    answers = desk.search("answers", k=1000)
    assert len(answers.rows) == 30
    assert answers.ranking == desk.search("all", k=30).ranking


def test_terminal_shows_the_first_answers(desk):
    desk.fill()
    given = ("--query", desk.query, "--out", "out", "--keys", desk.keys)
    printed = desk.run("search", desk.store, *given).out
    assert "fish_banded/3.png" in printed
    assert "out: 20 answers" in printed


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("a/b.png", "01_d03_a_b.png"),
        ("../../../etc/passwd", "01_d03_.._.._.._etc_passwd"),
        ("/etc/passwd", "01_d03__etc_passwd"),
        ("C:\\boot.ini", "01_d03_C__boot.ini"),
        (".bashrc", "01_d03_.bashrc"),
        ("", "01_d03_"),
        ("..", "01_d03_"),
        ("a\nb\x1b[31m\0.png", "01_d03_a_b_[31m_.png"),
        ("gnp.\u202eexe.png", "01_d03_gnp._exe.png"),
        ("é" * 200 + ".jpeg", "01_d03_" + "é" * 50 + ".jpeg"),
        ("x." + "y" * 300, "01_d03_x." + "y" * 15),
    ],
)
def test_names_of_files(name, file):
    assert file_name("01", "03", name) == file


@given(st.text())
def test_names_stay_in_their_folder(name):
    file = file_name("01", "03", name)
    assert file.startswith("01_d03_")
    assert not set(file) & set('<>:"/\\|?*\0\n')
    assert file.isprintable()
    assert len(file.encode()) <= 130


HOSTILE = [
    "../../outside.png",
    "/outside.png",
    "..",
    "new\nline\x1b]0;title\x07.png",
    "[red]markup[/]",
    "=cmd|' /C calc'!A0",
    "x" * 60_000,
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_do_no_harm(desk, name):
    """The owner's names come from an envelope; whoever holds the owner's keys chose them."""
    desk.init()
    upload(desk, name, desk.query.read_bytes())
    given = ("--query", desk.query, "--out", "answers", "--keys", desk.keys)
    before = contents(desk.home).keys()
    finished = desk.run("search", desk.store, *given)
    (new,) = {p for p in contents(desk.home).keys() - before if p.startswith("answers/01_")}
    assert (desk.home / new).read_bytes() == desk.query.read_bytes()
    others = {"answers/answers.csv", "answers/search.png", "photos.store/index.cache"}
    assert contents(desk.home).keys() - before - {new} <= others
    assert not {"\x1b", "\x07"} & set(finished.out)


def test_what_is_no_picture_is_handed_out_all_the_same(desk):
    desk.init()
    upload(desk, "notes.txt", b"no picture")
    answers = desk.search("answers", k=1)
    assert (answers.folder / answers.rows[0]["file"]).read_bytes() == b"no picture"


def test_search_png(desk):
    """Query, sealed bytes and opened answers stand where they belong."""
    desk.init()
    red, blue = desk.home / "red.png", desk.home / "blue.png"
    Image.new("RGB", (60, 60), (250, 0, 0)).save(red)
    Image.new("RGB", (60, 60), (0, 0, 250)).save(blue)
    desk.run("add", desk.store, red, blue, "--keys", desk.keys)
    given = ("--query", red, "--out", "answers", "--keys", desk.keys)
    desk.run("search", desk.store, *given)
    with Image.open(desk.home / "answers" / "search.png") as file:
        drawn = np.asarray(file.convert("RGB"))
    left = MARGIN + QUERY + 4 * GAP
    middle = TILE // 2
    assert tuple(drawn[HEAD + QUERY // 2, MARGIN + QUERY // 2]) == (250, 0, 0)
    assert tuple(drawn[HEAD + TILE + GAP + middle, left + middle]) == (250, 0, 0)
    second = left + TILE + GAP
    assert tuple(drawn[HEAD + TILE + GAP + middle, second + middle]) == (0, 0, 250)
    keys = desk.open(desk.keys)
    with desk.server() as server:
        ids = [keys.picture_id(name) for name in ("red.png", "blue.png")]
        for at, served in zip((left, second), server.get(ids), strict=True):
            envelope = np.frombuffer(served.record.envelope, dtype=np.uint8)
            side = int(len(envelope) ** 0.5)
            shown = drawn[HEAD : HEAD + TILE, at : at + TILE, 0]
            assert shown[0, 0] == envelope[0]
            assert shown[-1, -1] == envelope[side * side - 1]
            assert set(np.unique(shown)) == set(np.unique(envelope[: side * side]))


def test_damaged_answer_is_named_and_the_others_opened(desk):
    desk.fill()
    whole = desk.search("whole", k=5)
    third = whole.rows[2]
    damage(desk.store / "store.sqlite", bytes.fromhex(third["picture_id"]))
    given = ("--query", desk.query, "--out", "rest", "-k", 5, "--keys", desk.keys)
    finished = desk.run("search", desk.store, *given, code=1)
    assert f"1 of 5 answers do not open; {desk.store}" in finished.err
    assert third["picture_id"] in finished.err
    assert "damaged" in finished.out
    assert "rest: 4 answers" in finished.out
    rest = contents(desk.home / "rest")
    expected = contents(whole.folder)
    del expected[third["file"]], expected["search.png"], expected["answers.csv"]
    assert {name: rest[name] for name in expected} == expected
    assert rest.keys() - expected.keys() == {"search.png", "answers.csv"}


def test_lying_server_leaves_nothing(desk, monkeypatch):
    """A server that swaps two pictures' ids: one line, no answers, no half folder."""
    desk.fill("--codes", "plain")
    monkeypatch.setattr(CloudServer, "search", lying(CloudServer.search))
    given = ("--query", desk.query, "--out", "answers", "--keys", desk.keys)
    finished = desk.run("search", desk.store, *given, code=1)
    assert "distances are not those of the answers" in finished.err
    assert "LyingServerError" not in finished.err
    assert not [p for p in contents(desk.home) if "answers" in p]


def test_only_complete_notices_what_was_left_out(desk, monkeypatch):
    desk.fill("--codes", "plain")
    expected = desk.search("truth", k=6).ranking[1:]
    monkeypatch.setattr(CloudServer, "search", forgetful(CloudServer.search))
    assert desk.search("answers", k=5).ranking == expected
    given = ("--query", desk.query, "--out", "complete", "--complete", "--keys", desk.keys)
    assert "left answers out" in desk.run("search", desk.store, *given, code=1).err


def test_engines_agree(desk):
    desk.fill("--codes", "keyed")
    assert desk.search("flat", "--engine", "flat").ranking == desk.search("auto").ranking


def forgetful(search):
    """Leave the nearest picture out."""

    def forget(server, trapdoors, k):
        found = search(server, trapdoors, k + 1)
        return found._replace(ids=found.ids[:, 1:], distances=found.distances[:, 1:])

    return forget


def lying(search):
    def lie(server, trapdoors, k):
        found = search(server, trapdoors, k)
        return found._replace(ids=found.ids[:, ::-1])

    return lie


@pytest.mark.parametrize("who", ["owner", "anna"])
def test_old_copy_of_the_store_is_refused(desk, who):
    """What was seen is in the key file: a server cannot go back behind it."""
    desk.fill()
    keys = desk.keys if who == "owner" else desk.user("anna")
    shutil.copytree(desk.store, desk.home / "old")
    desk.run("remove", desk.store, "fish_banded/3.png", "--keys", desk.keys)
    if who == "anna":  # the owner has seen the own commit
        desk.search("new", keys=keys)
    seen = desk.open(keys).seen
    with desk.server() as server:
        store_id = server.policy.store_id.hex()
    assert (seen == {store_id: 2}) if who == "anna" else (seen == 2)
    shutil.rmtree(desk.store)
    (desk.home / "old").rename(desk.store)
    given = ("--query", desk.query, "--out", "answers", "--keys", keys)
    assert "an old copy" in desk.run("search", desk.store, *given, code=1).err


def test_user_of_another_owner(desk):
    """A grant is believed only from the owner whose key the user has pinned."""
    desk.fill()
    anna = desk.user("anna")
    keys = desk.open(anna)
    other = desk.home / "other.keys"
    desk.run("keygen", other, "--raw")
    misled = UserKeys(keys.private_key, desk.open(other).owner_public)
    KeyFile.create(desk.home / "misled.keys", misled)
    given = ("--query", desk.query, "--out", "answers", "--keys", "misled.keys")
    assert "not signed by the owner" in desk.run("search", desk.store, *given, code=2).err
