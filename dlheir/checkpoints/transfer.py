"""The bytes of one URL into a part file that the next attempt goes on with: pooch's downloader."""

import os
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from dlheir.checkpoints import fsspec_url, http_url, wandb_url
from dlheir.checkpoints.registry import Entry
from dlheir.checkpoints.urls import BrokenError, Opened, say, shown
from dlheir.console import transfer
from dlheir.errors import WorkError

MOST_WHOLE_FILES = 2  # with a wrong hash: the second has no bytes of an earlier download in it


class Transfer:
    """Brings a checkpoint's file; pooch calls it once an attempt.

    Args:
        entry: What has to come.
        part: Keeps what has come. It outlives this process.
        timeout: Seconds after which a silent server counts as gone.
        attempts: How often pooch calls at most.

    Attributes:
        failure: What happened to the last attempt that another one may better.
    """

    def __init__(self, entry: Entry, part: Path, timeout: float, attempts: int) -> None:
        self._entry, self._part = entry, part
        self._timeout, self._attempts = timeout, attempts
        self._attempt = self._whole_files = 0
        self.failure = ""

    def __call__(self, url: str, output_file: str, _pooch: Any) -> None:
        """Bring the file, or what is missing of it, and put it where pooch looks at its hash.

        Raises:
            BrokenError: It may work at the next attempt, which pooch makes.
            WorkError: It will not.
        """
        Path(output_file).unlink()  # empty until then; a killed process would leave it behind
        self._attempt += 1
        if self._whole_files:  # pooch calls again, so its hash was wrong
            if self._whole_files == MOST_WHOLE_FILES:
                raise WorkError(wrong_file(url))
            say(
                f"{shown(url)}: what came has not the SHA-256 of the registry; "
                "once more from its beginning"
            )
        try:
            self._complete(url)
        except BrokenError as error:
            here = f"{self._here()} of {self._entry.size} bytes are here"
            self.failure = f"{shown(url)} {error}; {here}"
            if self._attempt < self._attempts:
                again = f"attempt {self._attempt + 1} of {self._attempts} follows"
                say(f"{self.failure}; {again}")
                time.sleep(error.wait)
            raise
        os.replace(self._part, output_file)  # noqa: PTH105  # pooch's is a str
        self._whole_files += 1

    def _complete(self, url: str) -> None:
        """Bring the part file to the size that the registry says."""
        size = self._entry.size
        here = self._here()
        if here == size:
            return
        with self._opened(url, here if here < size else 0) as opened:
            if opened.size not in {None, size}:
                raise WorkError(
                    f"{shown(url)} is another file: {opened.size} bytes instead of {size}; "
                    "nothing of it was kept"
                )
            here = self._write(url, opened)
        if here < size:
            raise BrokenError("ended early")

    def _here(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def _write(self, url: str, opened: Opened) -> int:
        """Write what comes; returns how much of the file is here then."""
        here, size = opened.start, self._entry.size
        with (
            self._part.open("ab" if here else "wb") as file,
            transfer(f"Downloading {self._entry.name}", size, here) as advance,
        ):
            for chunk in opened.chunks:
                here += len(chunk)
                if here > size:
                    self._part.unlink()
                    raise WorkError(
                        f"{shown(url)} is another file: more than {size} bytes; "
                        "nothing of it was kept"
                    )
                file.write(chunk)
                advance(len(chunk))
        return here

    def _opened(self, url: str, offset: int) -> AbstractContextManager[Opened]:
        protocol = url.partition("://")[0]
        if protocol in {"http", "https"}:
            return http_url.opened(url, offset, self._timeout)
        if protocol == "wandb":
            return wandb_url.opened(url, self._part.parent)
        return fsspec_url.opened(url, offset)


def wrong_file(url: str) -> str:
    """What to say of a file of the right size."""
    return f"{shown(url)} is another file: not the SHA-256 of the registry; nothing of it was kept"
