"""Downloads that go wrong: what the user sees, what stays, and that the next call works."""

import pickle
import random
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import file_server as server_side
import pytest
from command_line import PATIENCE, Finished, clean_environment
from file_server import FileServer, certificate_in, file_server
from made_registry import NAME, made_entry, made_registry

from dlheir.checkpoints import Source
from dlheir.checkpoints.urls import CHUNK
from dlheir.errors import WorkError

SIZE = 300_000
CONTENT = random.Random(1).randbytes(SIZE)
OTHER = random.Random(2).randbytes(SIZE)
CHANGED = CONTENT[:1000] + bytes([CONTENT[1000] ^ 1]) + CONTENT[1001:]
TABLES = (Path(sys.modules["dlheir.checkpoints"].__file__).parent / "DOWNLOADS.md").read_text()
PATIENT, IMPATIENT = 30, 3  # seconds
# The real command line, with less patience.
COMMAND = """
import sys
from dlheir.checkpoints import Source
from dlheir.checkpoints.urls import CHUNK
from dlheir.checkpoints.source import RETRIES, TIMEOUT
assert Source.__init__.__defaults__ == (TIMEOUT, RETRIES)
Source.__init__.__defaults__ = ({timeout}, RETRIES)
from dlheir.cli import main
sys.exit(main(["checkpoints", *sys.argv[1:]]))
"""
KEPT = {".lock", ".part"}


class Touch:
    """What runs code when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._path,)


def hostile(path: Path) -> bytes:
    return pickle.dumps(Touch(path)).ljust(SIZE, b"\0")


@dataclass
class Case:
    """One row of DOWNLOADS.md, where it is about a server.

    Attributes:
        behaviours: Of the server, one a request, the last one for ever.
        before: What the process does first.
        base: Instead of the server's URL; `{folder}` is the registry's.
        arguments: More of them.
        prepare: Given the registry's folder and the file's place in the cache.
        facts: More of the checkpoint's.
        timeout: The program's, in seconds.
        secure: The server speaks https.
    """

    behaviours: tuple[server_side.Behaviour, ...] = (server_side.answer,)
    before: str = ""
    base: str = "{server}"
    arguments: tuple[str, ...] = ()
    prepare: Callable[[Path, Path], None] = lambda _folder, _cached: None
    facts: dict[str, Any] = field(default_factory=dict)
    timeout: float = PATIENT
    secure: bool = False


def in_folder(folder: Path, content: bytes) -> None:
    (folder / NAME).mkdir()
    (folder / NAME / "model.safetensors").write_bytes(content)


def in_cache(cached: Path, content: bytes) -> None:
    cached.parent.mkdir(parents=True)
    cached.write_bytes(content)


good, cut, status = server_side.answer, server_side.cut, server_side.status
NO_LOCKS = """
import errno, fcntl
def refuse(*_): raise OSError(errno.ENOLCK, "No locks available")
fcntl.flock = refuse
"""
CASES = {
    "the connection breaks off": Case((cut(100_000), good)),
    "it breaks off each time": Case((cut(30_000),)),
    "the server stalls": Case((server_side.stalls(100_000), good), timeout=IMPATIENT),
    "it stalls each time": Case((server_side.stalls(30_000),), timeout=IMPATIENT),
    "it does not answer": Case((server_side.silent,), timeout=IMPATIENT),
    "it closes the connection without an answer": Case((server_side.drops,)),
    "it breaks off and dies for good": Case((server_side.dies,)),
    "it serves half of the file, of unknown length": Case(
        (server_side.of_unknown_length(SIZE // 2),)
    ),
    "it serves half of the file as the whole": Case((server_side.serves(CONTENT[: SIZE // 2]),)),
    "it serves another file": Case((server_side.serves(OTHER + b"more"),)),
    "it serves another file of the same size": Case((server_side.serves(OTHER),)),
    "it serves the file with one changed byte, once": Case((server_side.serves(CHANGED), good)),
    "it serves a pickle of the same size": Case((lambda h: server_side.serves(h.files.pickle)(h),)),
    "it never stops sending": Case((server_side.too_much,)),
    "it redirects in a loop": Case((status(302, Location="/again"),)),
    "its certificate is not trusted": Case(secure=True),
    "it answers 404": Case((status(404),)),
    "it answers 403": Case((status(403),)),
    "it answers 429, once": Case((status(429, Retry_After=1), good)),
    "it answers 429 each time": Case((status(429, Retry_After="soon"),)),
    "it answers 429 and wants an hour": Case((status(429, Retry_After=3600),)),
    "it answers 500, once": Case((status(500), good)),
    "it answers 500 each time": Case((status(500),)),
    "it breaks off and cannot go on from the middle": Case(
        (cut(100_000), server_side.ignores_range)
    ),
    "it breaks off and answers with another part": Case(
        (cut(100_000), server_side.part(f"bytes 7-{SIZE - 1}/{SIZE}"))
    ),
    "it breaks off and answers 416": Case((cut(100_000), status(416), good)),
    "the folder has no such file": Case(base="{folder}"),
    "the file in the folder is another": Case(
        base="{folder}", prepare=lambda folder, _: in_folder(folder, CHANGED)
    ),
    "fsspec does not know the protocol": Case(base="made://host"),
    "fsspec lacks a package for it": Case(
        base="s3://bucket", before="import sys; sys.modules['s3fs'] = None"
    ),
    "fsspec finds no such file": Case(base="memory://nothing"),
    "nobody is logged in to W&B": Case(facts={"url": "wandb://team/project/name:v0/w.safetensors"}),
    "offline, and it is not in the cache": Case(arguments=("--offline",)),
    "the file in the cache is damaged": Case(prepare=lambda _, cached: in_cache(cached, CHANGED)),
    "offline, and the file in the cache is damaged": Case(
        arguments=("--offline",), prepare=lambda _, cached: in_cache(cached, CHANGED)
    ),
    "the checkpoint is not hosted yet": Case(facts={"url": None}),
    "the cache's disk has no locks": Case(before=NO_LOCKS),
}
ELSEWHERE = {"another process downloads it", "the cache's disk is full"}  # tests of their own


def rows() -> dict[str, tuple[int, list[str]]]:
    """What the tables say: exit code and lines."""
    cells = re.findall(r"^\| (.+?) \| (\d) \| (.+) \|$", TABLES, re.MULTILINE)
    return {
        case: (int(code), [m[1].strip() for m in re.findall(r"(`+)(.+?)\1", seen)])
        for case, code, seen in cells
    }


def pattern(line: str) -> str:
    """A regular expression for a line of the tables."""
    escaped = re.escape(line.replace(f" {PATIENT} s;", f" {IMPATIENT} s;"))
    for placeholder, what in (("URL", r"\S+"), ("PATH", r"\S+"), ("N", r"\d+"), ("NAME", NAME)):
        escaped = re.sub(rf"\b{placeholder}\b", lambda _, what=what: what, escaped)
    return escaped


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes:
        folder: Where it took place.
        finished: The command line.
        server: As it was then.
        cached: The file's place in the cache.
        left: The files in the cache.
    """

    folder: Path
    finished: Finished
    server: FileServer
    cached: Path
    left: set[str]


def played(case: Case, folder: Path) -> Outcome:
    """Run the command line in a case."""
    entry = made_entry(CONTENT, **case.facts)
    (folder / "checkpoints").mkdir()
    registry = made_registry(folder / "checkpoints" / "registry.json", entry)
    cached = cache_of(folder) / "model.safetensors"
    case.prepare(registry.path.parent, cached)
    with file_server(CONTENT, certificate_in(folder) if case.secure else None) as server:
        server.pickle = hostile(folder / "hostile")
        server.behave(*case.behaviours)
        base = case.base.format(server=server.url, folder=registry.path.parent)
        script = case.before + COMMAND.format(timeout=case.timeout)
        arguments = ("download", NAME, "--registry", registry.path, "--base", base)
        done = subprocess.run(
            [sys.executable, "-c", script, *map(str, arguments), *case.arguments],
            env=environment(folder),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    finished = Finished(done.returncode, done.stdout, done.stderr)
    return Outcome(folder, finished, server, cached, files_in(folder / "cache"))


def environment(folder: Path) -> dict[str, str]:
    local = {"XDG_CACHE_HOME": str(folder / "cache"), "no_proxy": "127.0.0.1"}
    return clean_environment(folder) | local


def cache_of(folder: Path) -> Path:
    return folder / "cache" / "dlheir" / "checkpoints" / f"{NAME}-{made_entry(CONTENT).sha256[:8]}"


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """Of all cases, several at once: they mostly wait."""
    folders = [tmp_path_factory.mktemp("case") for _ in CASES]
    with ThreadPoolExecutor(12) as pool:
        return dict(zip(CASES, pool.map(played, CASES.values(), folders), strict=True))


def test_every_row_has_its_case():
    assert set(rows()) == set(CASES) | ELSEWHERE


@pytest.mark.parametrize("name", CASES)
def test_user_sees_what_the_table_says(outcomes, name):
    (code, lines), finished = rows()[name], outcomes[name].finished
    assert finished.code == code, finished.err
    *before, last = lines
    for line in before if code else lines:
        assert re.search(f"^{pattern(line)}$", finished.err, re.MULTILINE), finished.err
    if code:
        (complaint,) = finished.complaints
        assert re.fullmatch(f"dlheir: checkpoint {NAME}: {pattern(last)}", complaint) or (
            re.fullmatch(f"dlheir: {pattern(last)}", complaint) and last.startswith("PATH")
        ), complaint
        assert finished.out == ""
    else:
        assert finished.complaints == []
        assert finished.out == f"{outcomes[name].cached}\n"


@pytest.mark.parametrize("name", CASES)
def test_nothing_unverified_stays(outcomes, name):
    outcome = outcomes[name]
    if outcome.finished.code == 0:
        assert outcome.left == {"model.safetensors", ".lock"}
        assert outcome.cached.read_bytes() == CONTENT
    elif not name.startswith("offline"):
        assert outcome.left <= KEPT
    if "nothing of it was kept" in outcome.finished.err:
        assert outcome.left == {".lock"}
    part = outcome.cached.with_name(".part")
    if part.exists():
        assert CONTENT.startswith(part.read_bytes())
    assert not (outcome.folder / "hostile").exists()


def test_wrong_file_is_not_downloaded_again_and_again(outcomes):
    assert outcomes["it serves another file of the same size"].server.requests == [None, None]


@pytest.mark.parametrize("name", CASES)
def test_the_next_call_works(outcomes, name, monkeypatch):
    folder = outcomes[name].folder
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    registry = made_registry(folder / "registry.json", made_entry(CONTENT))
    with file_server(CONTENT) as server:
        fetched = Source(registry, server.url, offline=False, retries=0).fetch(NAME)
    assert fetched == outcomes[name].cached
    assert fetched.read_bytes() == CONTENT
    assert files_in(folder / "cache") == {"model.safetensors", ".lock"}


def test_it_goes_on_where_it_stopped(source, server, place, content):
    server.behave(cut(200_000))
    with pytest.raises(WorkError, match="broke off"):
        source().fetch(NAME)
    here = (place.cache / ".part").stat().st_size
    assert 200_000 - CHUNK < here <= 200_000
    server.behave(good)
    assert source().fetch(NAME).read_bytes() == content
    assert server.requests == [f"bytes={here}-"]


@pytest.mark.parametrize(
    "told",
    [f"bytes 7-{SIZE - 1}/{SIZE}", f"bytes 0-{SIZE - 1}/{SIZE}", "bytes */12", "nonsense", ""],
)
def test_another_part_is_not_put_behind_the_first(source, server, content, told):
    server.behave(cut(200_000), server_side.part(told))
    with pytest.raises(WorkError, match="broke off"):
        source().fetch(NAME)
    assert source().fetch(NAME).read_bytes() == content
    assert [bool(offset) for offset in server.offsets] == [False, True, False]


def test_server_that_knows_parts_only(source, server, place):
    server.behave(status(206, Content_Range=f"bytes 7-{SIZE - 1}/{SIZE}"))
    with pytest.raises(WorkError, match="answers with another part of the file"):
        source().fetch(NAME)
    assert files_in(place.cache) == {".lock"}


@pytest.mark.parametrize(
    ("told", "wait"), [("7", 7), ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("soon", 0), ("-1", 0)]
)
def test_server_is_left_alone_as_long_as_it_wants(source, server, monkeypatch, told, wait):
    waits = []
    monkeypatch.setattr("time.sleep", waits.append)
    server.behave(status(503, Retry_After=told), good)
    source(retries=1).fetch(NAME)
    assert waits == [wait, 1]  # and pooch's own


def test_part_of_another_file_does_no_harm(source, server, place, content):
    """As a server leaves it that serves the wrong file and breaks off."""
    server.content = bytes(SIZE)
    server.behave(cut(200_000))
    with pytest.raises(WorkError, match="broke off"):
        source().fetch(NAME)
    server.content = content
    server.behave(good)
    assert source(retries=1).fetch(NAME).read_bytes() == content
    assert len(server.requests) == 2
    assert server.offsets[1] == 0


@pytest.mark.parametrize("size", [SIZE, SIZE + 1])
def test_part_that_is_no_part(source, server, place, content, size):
    place.cache.mkdir(parents=True)
    (place.cache / ".part").write_bytes(bytes(size))
    assert source(retries=1).fetch(NAME).read_bytes() == content
    assert server.requests == [None]


def test_whole_part_needs_no_request(source, server, place, content):
    """As a process leaves it that is killed before it looks at the hash."""
    place.cache.mkdir(parents=True)
    (place.cache / ".part").write_bytes(content)
    assert source().fetch(NAME).read_bytes() == content
    assert server.requests == []


def test_cut_at_random_bytes_a_hundred_times(source, server, tmp_path, monkeypatch, content):
    draw = random.Random(3)
    for number in range(100):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / f"cache{number}"))
        server.behave(cut(draw.randrange(SIZE)))
        with pytest.raises(WorkError, match="broke off"):
            source().fetch(NAME)
        assert files_in(tmp_path / f"cache{number}") == KEPT
        server.behave(good)
        assert source().fetch(NAME).read_bytes() == content


def test_one_download_cut_a_hundred_times(source, server, content):
    draw = random.Random(4)
    for _ in range(100):
        server.behave(cut(draw.randrange(SIZE // 40)))
        with pytest.raises(WorkError, match="broke off"):
            source().fetch(NAME)
    server.behave(good)
    assert source().fetch(NAME).read_bytes() == content
    assert server.offsets[0] > 0


def test_https(place, tmp_path, monkeypatch, content):
    certificate = certificate_in(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with file_server(content, certificate) as server:
        source = Source(place.registry, server.url, offline=False, retries=0)
        server.behave(cut(200_000), good)
        with pytest.raises(WorkError, match=r"^checkpoint .*https://.* broke off"):
            source.fetch(NAME)
        assert source.fetch(NAME).read_bytes() == content


def test_full_disk(start, server, disk, tmp_path, content):
    """Which is no reason to try again; what has come is not lost."""
    cache, other = disk("size=200k"), tmp_path / "elsewhere"
    registry = made_registry(tmp_path / "registry.json", made_entry(content))
    arguments = ("checkpoints", "download", NAME, "--registry", registry.path, "--base", server.url)
    full = start(*arguments, env=environment(tmp_path) | {"XDG_CACHE_HOME": str(cache)}).wait()
    assert full.code == 2
    assert "no space left on the disk; make room; the same command goes on" in full.complaints[0]
    assert len(server.requests) == 1
    assert files_in(cache) == KEPT
    shutil.copytree(cache, other)
    done = start(*arguments, env=environment(tmp_path) | {"XDG_CACHE_HOME": str(other)}).wait()
    assert done.code == 0, done.err
    assert server.offsets[1] > 0


def test_passwords_are_not_shown(source, server):
    server.behave(status(404))
    base = server.url.replace("://", "://user:secret@")
    with pytest.raises(
        WorkError, match=rf"127\.0\.0\.1:\d+/{NAME}/model\.safetensors answers 404"
    ) as e:
        source(base=base).fetch(NAME)
    assert "secret" not in str(e.value)


def test_second_process_waits_and_finds_it(place, server, start):
    server.behave(server_side.pauses(100_000))
    arguments = ("checkpoints", "download", NAME, "--registry", place.registry.path)
    settings = {"env": environment(place.cache.parents[3])}
    first = start(*arguments, "--base", server.url, **settings)
    first.wait_until(lambda: bool(server.requests))
    second = start(*arguments, "--base", server.url, **settings)
    second.wait_until(lambda: "another process downloads it" in second.said)
    (_, lines), waiting = rows()["another process downloads it"], second.said
    assert re.search(f"^checkpoint {NAME}: {pattern(lines[0])}$", waiting, re.MULTILINE)
    server.released.set()
    for running in (first, second):
        finished = running.wait()
        assert finished.code == 0, finished.err
        assert finished.out == f"{place.file}\n"
    assert server.requests == [None]


def test_killed_process_leaves_a_part_that_the_next_one_goes_on_with(place, server, start, content):
    server.behave(server_side.pauses(200_000))
    arguments = ("checkpoints", "download", NAME, "--registry", place.registry.path)
    settings = {"env": environment(place.cache.parents[3])}
    running = start(*arguments, "--base", server.url, **settings)
    part = place.cache / ".part"
    running.wait_until(lambda: part.exists() and part.stat().st_size > 100_000)
    running.stop(signal.SIGKILL)
    assert files_in(place.cache) == KEPT
    here = part.stat().st_size
    server.behave(good)
    finished = start(*arguments, "--base", server.url, **settings).wait()
    assert finished.code == 0, finished.err
    assert place.file.read_bytes() == content
    assert server.requests == [f"bytes={here}-"]


def test_what_a_killed_process_left_is_removed(source, place):
    place.cache.mkdir(parents=True)
    (place.cache / "tmpabc").touch()
    (place.cache / "tmpdef").mkdir()
    (place.cache / "tmpdef" / "x").touch()
    source().fetch(NAME)
    assert files_in(place.cache) == {"model.safetensors", ".lock"}
    assert not (place.cache / "tmpdef").exists()


def test_interrupted_by_the_user(place, server, start):
    server.behave(server_side.pauses(200_000))
    arguments = ("checkpoints", "download", NAME, "--registry", place.registry.path)
    running = start(*arguments, "--base", server.url, env=environment(place.cache.parents[3]))
    part = place.cache / ".part"
    running.wait_until(lambda: part.exists() and part.stat().st_size > 100_000)
    finished = running.stop(signal.SIGINT)
    assert finished.code == 130
    assert files_in(place.cache) == KEPT
