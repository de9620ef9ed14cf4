"""What every kind of URL has in common once it is open, and how it fails."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from requests import RequestException

from dlheir.console import console

CHUNK = 2**12  # bytes; as much can be lost of what came before a connection broke off


class BrokenError(RequestException):
    """A failure that may be gone at the next attempt; pooch tries again after requests' errors.

    Args:
        message: What happened, without the URL.
        wait: Seconds that the server wants to be left alone.
    """

    def __init__(self, message: str, wait: float = 0) -> None:
        super().__init__(message)
        self.wait = wait


@dataclass(frozen=True)
class Opened:
    """A file behind a URL.

    Attributes:
        start: Where in the file the first byte of `chunks` stands.
        size: Of the whole file in bytes, where it is told.
        chunks: Its bytes from there on; raises BrokenError.
    """

    start: int
    size: int | None
    chunks: Iterator[bytes]


def shown(url: str) -> str:
    """A URL as messages may show it: without a password, and without what follows a `?`."""
    return re.sub(r"://[^/@]*@", "://", url.partition("?")[0])


def say(line: str) -> None:
    """Tell the user how a download fares."""
    console.print(line, soft_wrap=True, markup=False)


def one_line(error: BaseException) -> str:
    """What an error says, in one line."""
    return " ".join(str(error).split()) or type(error).__name__
