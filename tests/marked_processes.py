"""Processes found by a mark in their environment, which those that they start inherit."""

import os
import time
from pathlib import Path
from uuid import uuid4

MARK = "DLHEIR_TESTS_MARK"
PATIENCE = 120  # seconds; Ray's agents wait for a minute for a head that was killed


def new_mark() -> dict[str, str]:
    """An environment variable that nobody else has."""
    return {MARK: uuid4().hex}


def marked(mark: dict[str, str]) -> dict[int, str]:
    """Command lines of the living processes with a mark, by process id."""
    wanted = f"{MARK}={mark[MARK]}".encode()
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                words = (folder / "cmdline").read_bytes().split(b"\0")
                found[int(folder.name)] = b" ".join(words).decode().strip()
        except OSError:  # it has just ended, or is another user's
            continue
    return {pid: words for pid, words in found.items() if words and pid != os.getpid()}


def environment(pid: int) -> dict[str, str]:
    """What a process was started with."""
    lines = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return dict(line.split("=", 1) for line in lines if line)


def wait_until_gone(mark: dict[str, str], but: tuple[str, ...] = ()) -> None:
    """Fail if a process with the mark stays, but those whose command lines begin so."""

    def left() -> dict[int, str]:
        found = marked(mark)
        return {pid: words for pid, words in found.items() if not words.startswith(but)}

    wait_until(lambda: not left(), left)


def wait_until(condition, describe) -> None:
    """Fail with a description if the condition does not come true."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, describe()
        time.sleep(0.02)
