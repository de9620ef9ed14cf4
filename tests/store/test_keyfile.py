"""Key files: who can read them, what opens them, and that no save loses a key."""

import functools
import json
import os
import random
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import pytest

from dlheir.store import passphrase
from dlheir.store.errors import ConflictError, KeyFileError
from dlheir.store.keyfile import KeyFile
from dlheir.store.keys import OwnerKeys, UserKeys, new_policy

PASSPHRASES = pytest.mark.parametrize("word", [None, "open sesame"], ids=["raw", "passphrase"])


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    monkeypatch.setitem(passphrase._COST, "n", 2**14)


@pytest.fixture
def owner() -> OwnerKeys:
    return OwnerKeys.generate().bind(new_policy(48, "keyed"))


@pytest.fixture
def open_umask():
    before = os.umask(0)
    yield
    os.umask(before)


def never() -> str:
    raise AssertionError("nobody must be asked for a passphrase")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@PASSPHRASES
@pytest.mark.parametrize("holder", ["owner", "user"])
def test_keys_come_back(tmp_path, owner, word, holder):
    keys = owner if holder == "owner" else UserKeys.generate(owner.owner_public)
    KeyFile.create(tmp_path / "keys", keys, word)
    assert KeyFile.open(tmp_path / "keys", lambda: word).keys == keys


def test_the_layout_of_a_raw_file(tmp_path, owner):
    KeyFile.create(tmp_path / "keys", owner)
    document = json.loads((tmp_path / "keys").read_text())
    assert (document["dlheir"], document["format"]) == ("owner", 1)
    assert document["keys"] == owner.to_json()


def test_nothing_of_the_keys_is_readable_under_a_passphrase(tmp_path, owner):
    KeyFile.create(tmp_path / "keys", owner, "open sesame")
    content = (tmp_path / "keys").read_bytes()
    for secret in (owner.naming_key, owner.signing_key, *owner.versions.values()):
        assert secret not in content
        assert secret.hex().encode() not in content
    assert set(json.loads(content)) == {"dlheir", "format", "scrypt", "sealed"}


@PASSPHRASES
def test_saving_keeps_the_passphrase_without_asking_or_scrypt(tmp_path, owner, word, monkeypatch):
    KeyFile.create(tmp_path / "keys", owner, word)
    file = KeyFile.open(tmp_path / "keys", lambda: word)
    with monkeypatch.context() as without_scrypt:
        without_scrypt.setattr(passphrase, "_derive", never)
        file.keys.start_version()
        file.save()
        file.keys.start_version()
        file.save()
    assert KeyFile.open(tmp_path / "keys", lambda: word).keys == file.keys
    assert file.keys.primary == 3


def test_a_save_draws_a_fresh_nonce(tmp_path, owner):
    file = KeyFile.create(tmp_path / "keys", owner, "open sesame")
    before = json.loads((tmp_path / "keys").read_text())
    file.save()
    after = json.loads((tmp_path / "keys").read_text())
    assert after["scrypt"] == before["scrypt"]
    assert after["sealed"][:24] != before["sealed"][:24]


@PASSPHRASES
def test_others_can_read_at_no_moment(tmp_path, owner, word, monkeypatch, open_umask):
    modes = []
    sync = os.fsync

    def look_around(descriptor: int) -> None:
        modes.extend(mode(path) for path in tmp_path.iterdir())
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", look_around)
    file = KeyFile.create(tmp_path / "keys", owner, word)
    file.save()
    assert len(modes) >= 4
    assert set(modes) == {0o600}
    assert mode(tmp_path / "keys") == 0o600


def test_a_save_is_on_the_disk_with_its_name(tmp_path, owner, monkeypatch):
    """Content before the name, the folder after it; only then may anything be sealed."""
    file = KeyFile.create(tmp_path / "keys", owner)
    old = (tmp_path / "keys").read_bytes()
    synced = []

    def record(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        synced.append((kind, (tmp_path / "keys").read_bytes() == old))

    monkeypatch.setattr(os, "fsync", record)
    file.keys.start_version()
    file.save()
    assert synced == [("file", True), ("folder", False)]


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o620, 0o601])
def test_a_raw_file_that_others_can_reach_is_refused(tmp_path, owner, bits):
    path = tmp_path / "keys"
    KeyFile.create(path, owner)
    path.chmod(bits)
    with pytest.raises(KeyFileError, match=f"chmod 600 '{path}'"):
        KeyFile.open(path)
    path.chmod(0o600)
    assert KeyFile.open(path).keys == owner


def test_a_file_under_a_passphrase_may_be_readable(tmp_path, owner):
    path = tmp_path / "keys"
    KeyFile.create(path, owner, "open sesame")
    path.chmod(0o644)
    file = KeyFile.open(path, lambda: "open sesame")
    assert file.keys == owner
    file.save()
    assert mode(path) == 0o600


def test_keys_are_never_overwritten(tmp_path, owner):
    KeyFile.create(tmp_path / "keys", owner)
    (tmp_path / "nowhere").symlink_to(tmp_path / "absent")
    for path in (tmp_path / "keys", tmp_path / "nowhere", tmp_path):
        with pytest.raises(KeyFileError, match="never overwritten"):
            KeyFile.create(path, OwnerKeys.generate())
    assert KeyFile.open(tmp_path / "keys").keys == owner


def test_a_save_follows_a_link_to_the_file(tmp_path, owner):
    (tmp_path / "stick").mkdir()
    KeyFile.create(tmp_path / "stick" / "keys", owner)
    (tmp_path / "keys").symlink_to(tmp_path / "stick" / "keys")
    file = KeyFile.open(tmp_path / "keys")
    file.keys.start_version()
    file.save()
    assert KeyFile.open(tmp_path / "stick" / "keys").keys.primary == 2


def test_a_wrong_passphrase_is_one_line(tmp_path, owner):
    KeyFile.create(tmp_path / "keys", owner, "open sesame")
    with pytest.raises(KeyFileError) as error:
        KeyFile.open(tmp_path / "keys", lambda: "open barley")
    expected = f"{tmp_path / 'keys'}: does not open: wrong passphrase, or changed bytes"
    assert str(error.value) == expected


def test_where_nobody_can_be_asked_it_says_so(tmp_path, owner):
    KeyFile.create(tmp_path / "keys", owner, "open sesame")
    with pytest.raises(KeyFileError, match="is under a passphrase"):
        KeyFile.open(tmp_path / "keys")


def test_an_empty_passphrase_is_refused(tmp_path, owner):
    with pytest.raises(KeyFileError, match="empty passphrase"):
        KeyFile.create(tmp_path / "keys", owner, "")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[1]", b"null", b"\xff\xfe", b'{"dlheir": ["owner"]}', b"[" * 100_000],
    ids=["empty", "object", "list", "null", "no text", "list for a word", "deep"],
)
def test_what_is_no_key_file_is_refused(tmp_path, content):
    path = tmp_path / "keys"
    path.write_bytes(content)
    with pytest.raises(KeyFileError, match=f"^{path}: is no key file"):
        KeyFile.open(path, never)


def test_another_format_is_refused(tmp_path, owner):
    path = tmp_path / "keys"
    KeyFile.create(path, owner)
    path.write_bytes(path.read_bytes().replace(b'"format": 1', b'"format": 2'))
    with pytest.raises(KeyFileError, match="another format"):
        KeyFile.open(path)


@pytest.mark.parametrize("name", ["absent", "."])
def test_what_cannot_be_read_is_named(tmp_path, name):
    with pytest.raises(KeyFileError, match=f"^{tmp_path / name}: "):
        KeyFile.open(tmp_path / name)


def test_a_folder_that_is_absent_is_named(tmp_path, owner):
    path = tmp_path / "absent" / "keys"
    with pytest.raises(KeyFileError, match=f"^{path}: No such file"):
        KeyFile.create(path, owner)


@PASSPHRASES
def test_damage_is_refused_and_nothing_of_the_keys_shown(tmp_path, owner, word, monkeypatch):
    """Each truncation, and one changed bit in each byte; a raw file has no tag but a checksum."""
    monkeypatch.setattr(passphrase, "_derive", _remember(passphrase._derive))
    path = tmp_path / "keys"
    KeyFile.create(path, owner, word)
    content = path.read_bytes()
    damaged = [content[:length] for length in range(len(content) - 1)]
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        damaged.append(bytes(changed))
    messages = []
    for attempt in damaged:
        path.write_bytes(attempt)
        try:
            keys = KeyFile.open(path, lambda: word).keys
        except KeyFileError as error:
            messages.append(str(error))
        else:
            assert keys == owner  # a letter of a hexadecimal digit in capitals is the same digit
    assert len(messages) >= 0.9 * len(damaged)
    assert not any("\n" in message for message in messages)
    assert not any(owner.signing_key.hex()[:8] in message for message in messages)


def _remember(derive):
    """Run scrypt once for the same input: thousands of damaged files share theirs."""
    by_text = functools.cache(lambda scrypt, word: derive(json.loads(scrypt), word))
    return lambda scrypt, word: by_text(json.dumps(scrypt), word)


def test_a_raw_file_cannot_pass_for_another_holders(tmp_path, owner):
    path = tmp_path / "keys"
    KeyFile.create(path, owner)
    path.write_bytes(path.read_bytes().replace(b'"dlheir": "owner"', b'"dlheir": "user"'))
    with pytest.raises(KeyFileError, match="damaged"):
        KeyFile.open(path)


def test_a_sealed_file_cannot_pass_for_another_holders(tmp_path, owner):
    path = tmp_path / "keys"
    KeyFile.create(path, owner, "open sesame")
    path.write_bytes(path.read_bytes().replace(b'"dlheir": "owner"', b'"dlheir": "user"'))
    with pytest.raises(KeyFileError, match="changed bytes"):
        KeyFile.open(path, lambda: "open sesame")


def test_a_save_over_another_save_is_refused(tmp_path, owner):
    """Otherwise the key version that the other one started, and sealed under, would be lost."""
    KeyFile.create(tmp_path / "keys", owner)
    first, second = KeyFile.open(tmp_path / "keys"), KeyFile.open(tmp_path / "keys")
    first.keys.start_version()
    first.save()
    second.keys.users["jo"] = bytes(32)
    with pytest.raises(ConflictError, match="changed meanwhile"):
        second.save()
    assert KeyFile.open(tmp_path / "keys").keys == first.keys
    first.save()


def test_a_file_that_was_removed_is_not_made_again(tmp_path, owner):
    file = KeyFile.create(tmp_path / "keys", owner)
    (tmp_path / "keys").unlink()
    with pytest.raises(KeyFileError, match="No such file"):
        file.save()


def test_savers_at_the_same_time_lose_nothing(tmp_path, owner):
    path = tmp_path / "keys"
    KeyFile.create(path, owner)

    def start_versions() -> None:
        for _ in range(5):
            while True:
                file = KeyFile.open(path)
                file.keys.start_version()
                try:
                    file.save()
                except ConflictError:
                    continue
                break

    threads = [Thread(target=start_versions) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(KeyFile.open(path).keys.versions) == 1 + 4 * 5


SAVE_ON_AND_ON = """
import sys
from pathlib import Path
from dlheir.store.keyfile import KeyFile
file = KeyFile.open(Path(sys.argv[1]))
while True:
    version = file.keys.start_version()
    file.save()
    print(version, flush=True)
"""


def test_a_killed_save_leaves_the_old_keys_or_the_new(tmp_path, owner):
    path = tmp_path / "keys"
    KeyFile.create(path, owner)
    draw = random.Random(0)
    for _ in range(8):
        command = [sys.executable, "-c", SAVE_ON_AND_ON, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            first = child.stdout.readline()
            time.sleep(draw.uniform(0, 0.02))
            child.send_signal(signal.SIGKILL)
            acknowledged = int((first + child.stdout.read()).split()[-1])
        keys = KeyFile.open(path).keys
        assert keys.primary in (acknowledged, acknowledged + 1)
        assert sorted(keys.versions) == list(range(1, keys.primary + 1))
        assert mode(path) == 0o600


def test_what_a_killed_process_left_is_no_hindrance(tmp_path, owner):
    file = KeyFile.create(tmp_path / "keys", owner)
    left = tmp_path / f".keys.{os.getpid()}.part"
    left.write_text("half a file")
    left.chmod(0o644)
    file.save()
    assert mode(tmp_path / "keys") == 0o600
    assert list(tmp_path.iterdir()) == [tmp_path / "keys"]


def test_the_next_save_removes_what_a_killed_one_left(tmp_path, owner):
    """It holds keys."""
    file = KeyFile.create(tmp_path / "keys", owner)
    for name in (".keys.123.part", ".other.123.part"):
        (tmp_path / name).write_text("keys")
    file.save()
    assert {path.name for path in tmp_path.iterdir()} == {"keys", ".other.123.part"}


def test_secrets_go_into_no_file_that_somebody_else_made(tmp_path, owner, monkeypatch):
    """In a folder that others can write to: a file, put where the temporary one will be."""
    planted = tmp_path / f".keys.{os.getpid()}.part"
    read_back = []
    real_open = os.open

    def open_after_another(path, flags, mode=0o777):
        if Path(path) == planted:
            planted.write_bytes(b"")
            read_back.append(planted.open("rb"))
        return real_open(path, flags, mode)

    monkeypatch.setattr(os, "open", open_after_another)
    with pytest.raises(KeyFileError, match="File exists"):
        KeyFile.create(tmp_path / "keys", owner)
    with read_back[0] as file:
        assert file.read() == b""
