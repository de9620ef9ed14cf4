"""Key files: passphrases, and where keys must not lie."""

import os
import stat
import subprocess
import sys

import pytest
from command_line import clean_environment
from desk import PASSPHRASE, contents

from dlheir.store import KeyFile, KeyFileError, OwnerKeys, UserKeys
from dlheir.store.public_keys import parse_public_key, public_key_text

OWNER = public_key_text("owner", bytes(32))


def test_owner_and_user(desk):
    public = desk.run("keygen", "owner.keys").out
    owner = desk.open(desk.keys)
    assert isinstance(owner, OwnerKeys)
    assert parse_public_key("owner", public) == owner.owner_public
    public = desk.run("keygen", "anna.keys", "--user", "--owner", public.strip()).out
    anna = desk.open(desk.home / "anna.keys")
    assert isinstance(anna, UserKeys)
    assert parse_public_key("user", public) == anna.public_key
    assert anna.owner_public == owner.owner_public


def test_passphrase_and_raw(desk):
    desk.run("keygen", "sealed.keys")
    with pytest.raises(KeyFileError, match="wrong passphrase"):
        KeyFile.open(desk.home / "sealed.keys", lambda: "another")
    desk.run("keygen", "raw.keys", "--raw")
    assert stat.S_IMODE((desk.home / "raw.keys").stat().st_mode) == 0o600
    KeyFile.open(desk.home / "raw.keys")  # asks nobody


def test_without_a_terminal_the_way_out_is_named(desk, monkeypatch):
    monkeypatch.delenv("DLHEIR_PASSPHRASE")
    refused = desk.run("keygen", "new.keys", code=2).err
    assert "new.keys: no terminal" in refused
    assert "DLHEIR_PASSPHRASE" in refused
    assert "--raw" in refused
    assert contents(desk.home) == {}


def test_wrong_passphrase(desk, monkeypatch):
    desk.run("keygen", desk.keys)
    monkeypatch.setenv("DLHEIR_PASSPHRASE", PASSPHRASE + "?")
    assert "wrong passphrase" in desk.run("init", desk.store, "--keys", desk.keys, code=2).err


class Terminal:
    """A process whose terminal is played by the test."""

    def __init__(self, home, *arguments):
        self._ours, theirs = os.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dlheir", *arguments],
            env=clean_environment(home),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=home,
            start_new_session=True,  # away from the terminal that the tests run in
        )
        os.close(theirs)
        self.shown = b""

    def answer(self, prompt, text):
        """Type a line when the prompt has come."""
        self.read_until(prompt)
        os.write(self._ours, text.encode() + b"\n")

    def read_until(self, text):
        start = len(self.shown)
        while text not in self.shown[start:]:
            self.shown += os.read(self._ours, 1024)  # fails where the process has ended

    def end(self):
        try:
            while part := os.read(self._ours, 1024):
                self.shown += part
        except OSError:  # Linux's way to say that the other side is closed
            pass
        os.close(self._ours)
        return self.process.wait(60)


def test_passphrase_is_typed_twice_and_not_shown(tmp_path):
    terminal = Terminal(tmp_path, "store", "keygen", "owner.keys")
    terminal.answer(b"new passphrase: ", "swordfish")
    terminal.answer(b"the same again: ", "swordfish")
    assert terminal.end() == 0
    assert b"dlheir-owner-" in terminal.shown
    assert b"swordfish" not in terminal.shown
    KeyFile.open(tmp_path / "owner.keys", lambda: "swordfish")


def test_passphrases_that_differ(tmp_path):
    terminal = Terminal(tmp_path, "store", "keygen", "owner.keys")
    terminal.answer(b"new passphrase: ", "swordfish")
    terminal.answer(b"the same again: ", "swordfsh")
    assert terminal.end() == 2
    assert b"the two passphrases differ" in terminal.shown
    assert contents(tmp_path) == {}


def test_nothing_typed_at_all(tmp_path):
    terminal = Terminal(tmp_path, "store", "keygen", "owner.keys")
    terminal.answer(b"new passphrase: ", "\x04")  # Ctrl-D
    assert terminal.end() == 2
    assert b"Traceback" not in terminal.shown


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["k", "--user"], "--user and --owner OWNERPUBLIC go together"),
        (["k", "--owner", OWNER], "--user and --owner OWNERPUBLIC go together"),
        (["k", "--user", "--owner", "dlheir-owner-x"], "mistyped"),
        (["k", "--user", "--owner", public_key_text("user", bytes(32))], "begins dlheir-owner-"),
        (["nowhere/k", "--raw"], "nowhere/k: No such file or directory"),
        (["taken"], "taken: exists already"),
        (["photos.store/k"], "keys must not lie in the server's folder"),
        (["photos.store/pictures/k", "--raw"], "keys must not lie in the server's folder"),
    ],
)
def test_refused(desk, arguments, line):
    desk.init()
    (desk.store / "pictures").mkdir()
    (desk.home / "taken").write_text("mine")
    before = contents(desk.home)
    assert line in desk.run("keygen", *arguments, code=2).err
    assert contents(desk.home) == before


def test_public_keys_can_be_read_again(desk):
    desk.init()
    anna = desk.user("anna")
    shown = desk.run("status", desk.store, "--keys", desk.keys).out
    assert desk.public_key(desk.keys) in shown
    assert f"anna  {public_key_text('user', desk.open(anna).public_key)}" in shown
