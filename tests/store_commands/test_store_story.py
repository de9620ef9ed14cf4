"""The owner, the server and two users, from the first key to the last picture."""

import re

import numpy as np
import pytest
from desk import contents, damage

import dlheir
from dlheir import retrieval
from dlheir.store import CloudServer

MODES = ("plain", "keyed", "client")


def expected_ranking(desk, k):
    """Names and distances as `dlheir.retrieval` ranks the pictures' codes, hashed one by one."""
    network = dlheir.load_checkpoint(desk.checkpoint)
    keys = desk.open(desk.keys)
    names = [path.relative_to(desk.pictures).as_posix() for path in desk.pictures.rglob("*.png")]
    names.sort(key=keys.picture_id)

    def code(path):
        return network.codes(network.transform(path).unsqueeze(0)).numpy()

    codes = np.vstack([code(desk.pictures / name) for name in names])
    rows, distances = retrieval.search(code(desk.query), codes, k)
    return [(names[row], int(d)) for row, d in zip(rows[0], distances[0], strict=True)]


@pytest.mark.parametrize("mode", MODES)
def test_whole_story(desk, mode):
    desk.init("--codes", mode)
    added = desk.run("add", desk.store, desk.pictures, "--keys", desk.keys)
    assert "30 added, 0 there already; it holds 30" in added.out
    expected = expected_ranking(desk, 12)
    assert expected[0] == ("fish_banded/3.png", 0)  # the query is in the store
    assert desk.search("by owner").ranking == expected

    anna, bert = desk.user("anna"), desk.user("bert")
    assert desk.search("by anna", keys=anna).ranking == expected
    assert desk.search("by bert", "--complete", keys=bert).ranking == expected

    assert "version 2" in desk.run("rotate", desk.store, "--keys", desk.keys).out
    with desk.server() as server:
        assert server.key_versions == {2: 30}
    assert desk.search("after rotation", keys=anna).ranking == expected

    desk.run("revoke", desk.store, "bert", "--keys", desk.keys)
    refused = desk.run(
        "search", desk.store, "--query", desk.query, "--out", "no", "--keys", bert, code=2
    )
    assert "the owner has not authorised this key" in refused.err
    assert not (desk.home / "no").exists()
    assert desk.search("without bert", keys=anna).ranking == expected

    nearest = expected[0][0]
    removed = desk.run("remove", desk.store, nearest, "--keys", desk.keys)
    assert "1 removed; it holds 29" in removed.out
    assert desk.search("removed", keys=anna, k=11).ranking == expected[1:]

    status = desk.run("status", desk.store).out
    for fact in (r"pictures +│ 29 ", rf"{len_of_codes(desk)} bits, {mode}", r"3 \(29 pictures\)"):
        assert re.search(fact, status)
    for keys in ([], ["--keys", desk.keys], ["--keys", anna]):
        assert "29 pictures, none damaged" in desk.run("verify", desk.store, *keys).out

    victim = desk.open(desk.keys).picture_id(expected[1][0])
    damage(desk.store / "store.sqlite", victim)
    for keys in ([], ["--keys", desk.keys]):
        verified = desk.run("verify", desk.store, *keys, code=1)
        assert f"picture {victim.hex()} is damaged" in verified.out
        assert verified.err.endswith("1 fault, listed above\n")


def len_of_codes(desk):
    return dlheir.load_checkpoint(desk.checkpoint).settings["bits"]


def test_opened_answers_are_the_pictures(desk):
    desk.fill()
    answers = desk.search("answers", k=30)
    written = contents(answers.folder)
    originals = contents(desk.pictures)
    assert {row["name"] for row in answers.rows} == originals.keys()
    for row in answers.rows:
        assert written.pop(row["file"]) == originals[row["name"]]
    assert written.keys() == {"answers.csv", "search.png"}


def test_nothing_secret_lies_with_the_server(desk):
    """No picture, name, key or public model's name can be found in the server's folder."""
    desk.fill("--codes", "client")
    desk.user("anna")
    desk.search("answers")
    keys = desk.open(desk.keys)
    held = b"".join(contents(desk.store).values())
    secrets = [keys.signing_key, keys.naming_key, *keys.versions.values()]
    pictures = contents(desk.pictures)
    for secret in [*secrets, *pictures.values(), *(name.encode() for name in pictures), b"anna"]:
        assert secret not in held


def test_real_processes_and_the_environment(desk, dlheir):
    """The same in processes of their own, with keys and network named by the environment."""
    env = {
        "DLHEIR_KEYS": str(desk.keys),
        "DLHEIR_CHECKPOINT": str(desk.checkpoint),
        "DLHEIR_PASSPHRASE": "in a process",
    }

    def store(*arguments):
        finished = dlheir("store", *arguments, env=env, cwd=desk.home)
        assert finished.code == 0, finished.err
        return finished

    public = store("keygen", "owner.keys").out
    assert re.fullmatch(r"dlheir-owner-[a-z2-7]{56}\n", public)
    store("init", "photos.store", "--codes", "keyed", "--blobs", "photos.store/pictures")
    store("add", "photos.store", desk.pictures)
    store("search", "photos.store", "--query", desk.query)
    assert len(list((desk.home / "answers" / "3").iterdir())) == 22
    desk.store.rename(desk.home / "moved")
    with CloudServer(desk.home / "moved" / "store.sqlite") as server:
        assert len(server) == 30
        assert list(server.damage()) == []
