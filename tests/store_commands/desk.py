"""An owner's desk: key file, pictures and store on the command line, and what searches leave."""

import csv
from dataclasses import dataclass
from pathlib import Path

import pytest

from dlheir.store import CloudServer, KeyFile
from dlheir.store.public_keys import public_key_text

PASSPHRASE = "correct horse"


@dataclass(frozen=True)
class Answers:
    """What a search wrote."""

    folder: Path

    @property
    def rows(self) -> list[dict[str, str]]:
        with (self.folder / "answers.csv").open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    @property
    def ranking(self) -> list[tuple[str, int]]:
        return [(row["name"], int(row["distance"])) for row in self.rows]


@dataclass(frozen=True)
class Desk:
    """The working folder of an owner, with a passphrase and a network in the environment."""

    main: object
    home: Path
    pictures: Path
    query: Path
    checkpoint: Path
    store: Path
    keys: Path

    @property
    def env(self) -> dict[str, str]:
        """What a process of its own needs of the environment."""
        return {"DLHEIR_PASSPHRASE": PASSPHRASE, "DLHEIR_CHECKPOINT": str(self.checkpoint)}

    def run(self, *arguments, code: int = 0):
        """Run `dlheir store ...` in this process and hold it to its exit code."""
        finished = self.main("store", *arguments)
        assert finished.code == code, finished.out + finished.err
        assert "Traceback" not in finished.err
        if code:
            (line,) = finished.complaints
            assert finished.err.splitlines()[-1] == line
        return finished

    def init(self, *arguments):
        if not self.keys.exists():
            self.run("keygen", self.keys, "--raw")
        return self.run("init", self.store, "--keys", self.keys, *arguments)

    def fill(self, *arguments) -> None:
        """A store with all 30 pictures."""
        self.init(*arguments)
        self.run("add", self.store, self.pictures, "--keys", self.keys)

    def user(self, name: str) -> Path:
        """Make and authorise a user."""
        keys = self.home / f"{name}.keys"
        owner = self.public_key(self.keys)
        public = self.run("keygen", keys, "--raw", "--user", "--owner", owner).out.strip()
        self.run("authorize", self.store, public, "--name", name, "--keys", self.keys)
        return keys

    def public_key(self, keys: Path) -> str:
        return public_key_text("owner", self.open(keys).owner_public)

    def search(self, out: str, *arguments, keys: Path | None = None, k: int = 12) -> Answers:
        given = ("--query", self.query, "--out", self.home / out, "-k", k)
        self.run("search", self.store, *given, "--keys", keys or self.keys, *arguments)
        return Answers(self.home / out)

    def open(self, keys: Path):
        return KeyFile.open(keys, lambda: PASSPHRASE).keys

    def server(self) -> CloudServer:
        return CloudServer(self.store / "store.sqlite")


@pytest.fixture
def desk(main, finished_run, pictures, tmp_path, monkeypatch):
    """An owner's desk, without keys and without a store."""
    checkpoint = finished_run.folder / "checkpoints" / "last.ckpt"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLHEIR_PASSPHRASE", PASSPHRASE)
    monkeypatch.setenv("DLHEIR_CHECKPOINT", str(checkpoint))
    monkeypatch.delenv("DLHEIR_KEYS", raising=False)
    query = pictures / "fish_banded" / "3.png"
    store, keys = tmp_path / "photos.store", tmp_path / "owner.keys"
    return Desk(main, tmp_path, pictures, query, checkpoint, store, keys)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def damage(store: Path, picture_id: bytes) -> None:
    """Flip a bit in a sealed picture, on the disk and behind SQLite's back."""
    with CloudServer(store) as server:
        (served,) = server.get([picture_id])
    part = served.record.envelope[200:280]
    content = bytearray(store.read_bytes())
    content[content.index(part) + 40] ^= 1
    store.write_bytes(content)
