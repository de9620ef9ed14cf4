"""Wrong arguments and wrong input of the store's commands: one line, exit code 2, nothing left."""

import shutil
import subprocess
import sys

import pytest
import torch
from command_line import clean_environment
from desk import contents

from dlheir import cli
from dlheir.store import KeyFile, OwnerKeys, UserKeys
from dlheir.store_commands import main as store_commands

USER = "dlheir-user-3qwmumpi4q533eo767shltfdgr7li6aqpvn5oznlusxeumgdlvccgjxz"
KEYS = ["--keys", "owner.keys"]
OWNERS = ("owner", "other", "new")

# Name of the case: arguments after `dlheir store`, and what the line must say. There is a store
# with one picture, 1.png, its owner's keys and a user's who was never authorised.
WRONG = {
    "unknown command": (["find"], "unknown command store 'find'; there are keygen, init, add"),
    "no store": (["status", "nowhere"], "nowhere: no store in it; dlheir store init makes one"),
    "a file for a store": (["status", "1.png"], "1.png: no store in it"),
    "no such argument": (["status", "S", "--bits"], "unrecognized arguments: --bits"),
    "no directory given": (["status"], "dlheir store status: the following arguments are required"),
    "missing keys": (["add", "S", "1.png", "--keys", "none"], "none: no such key file"),
    "default keys": (["add", "S", "1.png"], "dlheir.keys: no such key file"),
    "no key file": (["add", "S", "1.png", "--keys", "1.png"], "1.png: is no key file"),
    "keys within the store": (["add", "S", "1.png", "--keys", "S/k"], "keys must not lie in"),
    "a user's keys to add by": (
        ["add", "S", "1.png", "--keys", "user.keys"],
        "user.keys: a query user's keys; this takes the owner's",
    ),
    "keys of another store": (
        ["add", "S", "1.png", "--keys", "other.keys"],
        "is not the store of these keys",
    ),
    "keys of no store": (["add", "S", "1.png", "--keys", "new.keys"], "belong to no store yet"),
    "no such picture": (["add", "S", "none.png", *KEYS], "none.png: no such picture or folder"),
    "nothing to add": (["add", "S", *KEYS], "arguments are required: PICTURES"),
    "no pictures": (["add", "S", "empty", *KEYS], "empty: no pictures in it"),
    "no checkpoint file": (
        ["add", "S", "2.png", *KEYS, "--checkpoint", "none.ckpt"],
        "none.ckpt",
    ),
    "no checkpoint": (["add", "S", "2.png", *KEYS, "--checkpoint", "1.png"], "1.png"),
    "another network": (
        ["add", "S", "2.png", *KEYS, "--checkpoint", "changed.ckpt"],
        "changed.ckpt: not the network that made this store's codes",
    ),
    "search by another network": (
        ["search", "S", "--query", "1.png", *KEYS, "--checkpoint", "changed.ckpt"],
        "changed.ckpt: not the network",
    ),
    "no query": (["search", "S", *KEYS], "arguments are required: --query"),
    "missing query": (["search", "S", "--query", "none.png", *KEYS], "--query none.png"),
    "query that is no picture": (
        ["search", "S", "--query", "owner.keys", *KEYS],
        "--query owner.keys: cannot read",
    ),
    "no answers": (["search", "S", "--query", "1.png", "-k", "0", *KEYS], "argument -k: 0"),
    "k of letters": (["search", "S", "--query", "1.png", "-k", "x", *KEYS], "argument -k: "),
    "unknown engine": (
        ["search", "S", "--query", "1.png", "--engine", "warp", *KEYS],
        "engine: 'warp', expected one of auto, flat",
    ),
    "engine for sealed codes": (
        ["search", "empty.store", "--query", "1.png", "--engine", "flat", "--keys", "other.keys"],
        "--engine flat: the codes of empty.store are sealed",
    ),
    "engine for millions": (
        ["search", "S", "--query", "1.png", "--engine", "ivf", *KEYS],
        "it is for more than 1000000",
    ),
    "complete and approximate": (
        ["search", "S", "--query", "1.png", "--engine", "ivf", "--complete", *KEYS],
        "--complete: ivf may leave answers out",
    ),
    "answers in the way": (
        ["search", "S", "--query", "1.png", "--out", "empty", *KEYS],
        "empty: exists already; choose another folder by --out",
    ),
    "answers below a file": (
        ["search", "S", "--query", "1.png", "--out", "1.png/a/b", *KEYS],
        "1.png/a/b: there is a file in the way",
    ),
    "answers with the server": (
        ["search", "S", "--query", "1.png", "--out", "S/answers", *KEYS],
        "S/answers: opened pictures must not lie in the server's folder",
    ),
    "not authorised": (
        ["search", "S", "--query", "1.png", "--keys", "user.keys"],
        "the owner has not authorised this key",
    ),
    "empty store": (
        ["search", "empty.store", "--query", "1.png", "--keys", "other.keys"],
        "empty.store: holds no picture yet",
    ),
    "no public key": (["authorize", "S", "x", "--name", "anna", *KEYS], "begins dlheir-user-"),
    "mistyped public key": (
        ["authorize", "S", USER[:-1] + "x", "--name", "anna", *KEYS],
        "mistyped",
    ),
    "nameless user": (["authorize", "S", USER, *KEYS], "arguments are required: --name"),
    "unknown user": (["revoke", "S", "anna", *KEYS], "anna: no such user; authorised are: none"),
    "unknown picture": (["remove", "S", "a.png", *KEYS], "S: holds no picture named a.png"),
    "a second store": (["init", "S", "--keys", "new.keys"], "S: holds a store already"),
    "store in a file": (["init", "1.png/S", "--keys", "new.keys"], "a file in the way"),
    "unknown mode": (
        ["init", "N", "--keys", "new.keys", "--codes", "rot13"],
        "argument --codes: invalid choice: 'rot13'",
    ),
    "other settings": (
        ["init", "N", "--keys", "other.keys", "--codes", "keyed"],
        "other.keys: belong to a store with another network or other codes",
    ),
    "blobs nowhere": (
        ["init", "N", "--keys", "new.keys", "--blobs", "abacus://pictures"],
        "abacus://",
    ),
    "keys in the new store": (["init", ".", "--keys", "new.keys"], "keys must not lie in"),
    "verify by no keys": (["verify", "S", "--keys", "none"], "none: no such key file"),
}


@pytest.fixture(scope="module")
def prepared(finished_run, pictures, tmp_path_factory):
    """The folder that `WRONG` speaks of."""
    home = tmp_path_factory.mktemp("prepared")
    checkpoint = finished_run.folder / "checkpoints" / "last.ckpt"
    for name in ("1.png", "2.png"):
        shutil.copy(pictures / "fish_banded" / name, home)
    (home / "empty").mkdir()
    owners = [KeyFile.create(home / f"{name}.keys", OwnerKeys.generate()) for name in OWNERS]
    KeyFile.create(home / "user.keys", UserKeys.generate(owners[0].keys.owner_public))
    for command in (
        [
            "init",
            home / "S",
            "--codes",
            "plain",
            "--keys",
            home / "owner.keys",
            "--checkpoint",
            checkpoint,
        ],
        ["init", home / "empty.store", "--keys", home / "other.keys", "--checkpoint", checkpoint],
        [
            "add",
            home / "S",
            home / "1.png",
            "--keys",
            home / "owner.keys",
            "--checkpoint",
            checkpoint,
        ],
    ):
        assert cli.main(["store", *map(str, command)]) == 0
    changed = torch.load(checkpoint, weights_only=False)
    changed["epoch"] += 1
    torch.save(changed, home / "changed.ckpt")
    return home


@pytest.fixture
def complaint(desk, prepared):
    """Run a command that must be refused, and return its one line."""
    shutil.copytree(prepared, desk.home, dirs_exist_ok=True)

    def complaint(*arguments):
        before, paths = contents(desk.home), set(desk.home.rglob("*"))
        line = desk.run(*arguments, code=2).err
        cache = desk.home / "S" / "index.cache"
        cache.unlink(missing_ok=True)
        assert set(desk.home.rglob("*")) == paths, "something was left behind"
        assert contents(desk.home) == before, "something was changed"
        assert "LyingServerError" not in line
        return line

    return complaint


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input(complaint, case):
    arguments, expected = WRONG[case]
    assert expected in complaint(*arguments)


@pytest.mark.parametrize("command", ["init", "add", "search"])
def test_network_has_to_be_named(complaint, monkeypatch, command):
    monkeypatch.delenv("DLHEIR_CHECKPOINT")
    arguments = {
        "init": ["N", "--keys", "new.keys"],
        "add": ["S", "2.png", *KEYS],
        "search": ["S", "--query", "1.png", *KEYS],
    }[command]
    assert "--checkpoint: is missing" in complaint(command, *arguments)


def test_the_whole_story_in_the_help(main):
    for arguments in (["store"], ["store", "--help"]):
        finished = main(*arguments)
        assert finished.code == 0
        assert finished.out.startswith("usage: dlheir store COMMAND")
        for command in store_commands.COMMANDS:
            assert f"\n  dlheir store {command} " in finished.out
        assert max(map(len, finished.out.splitlines())) <= 100
    assert "store" in cli.COMMANDS


def test_help_needs_no_torch(tmp_path):
    """Nor do the commands that hash no pictures: all of their modules are imported here."""
    program = (
        "import sys; from dlheir.cli import main;"
        f"[main(['store', command, '--help']) for command in {store_commands.COMMANDS}];"
        "sys.exit('imported torch' if 'torch' in sys.modules else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=clean_environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", store_commands.COMMANDS)
def test_help_of_each_command_has_an_example(main, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "100")
    finished = main("store", command, "--help")
    assert finished.code == 0
    assert finished.out.startswith(f"usage: dlheir store {command} ")
    assert f"example:\n  dlheir store {command} " in finished.out
    assert max(map(len, finished.out.splitlines())) <= 100
