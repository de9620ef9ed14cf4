"""Files behind http:// and https:// URLs, from any byte on where the server can do that."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import requests
from requests import exceptions
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from dlheir.checkpoints.urls import CHUNK, BrokenError, Opened, one_line, shown
from dlheir.errors import WorkError

# A server that is overloaded or restarts.
BUSY = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}
LONGEST_WAIT = 60.0  # seconds; nobody sits in front of a program for as long as servers can ask for
# Of the URL itself.
USELESS = (exceptions.InvalidURL, exceptions.InvalidSchema, exceptions.MissingSchema)


@contextmanager
def opened(url: str, offset: int, timeout: float) -> Iterator[Opened]:
    """Ask for a file from a byte on; a server that cannot do that sends it from its beginning.

    Args:
        url: The file's.
        offset: The first byte that is wanted.
        timeout: Seconds after which a silent server counts as gone.

    Raises:
        BrokenError: It may work at the next attempt.
        WorkError: It will not.
    """
    with requests.Session() as session:
        response = _get(session, url, offset, timeout)
        if offset and not _whole_or_from(response, offset):
            response.close()
            response = _get(session, url, 0, timeout)
        _check_status(url, response)
        start, size = _extent(response)
        if start not in {0, offset}:
            raise WorkError(
                f"{shown(url)} answers with another part of the file than the one asked"
            )
        yield Opened(start, size, _chunks(response, timeout))


def _get(session: requests.Session, url: str, offset: int, timeout: float) -> requests.Response:
    headers = {"Accept-Encoding": "identity"}  # so that sizes are the file's
    if offset:
        headers["Range"] = f"bytes={offset}-"
    try:
        return session.get(url, headers=headers, timeout=timeout, stream=True)
    except exceptions.TooManyRedirects as error:
        raise WorkError(f"{shown(url)} redirects in a loop") from error
    except USELESS as error:
        raise WorkError(f"{shown(url)}: no URL that can be downloaded") from error
    except exceptions.Timeout as error:
        raise BrokenError(f"gives no answer in {timeout:g} s") from error
    except exceptions.RequestException as error:
        reason = _reason(error)
        if "CERTIFICATE_VERIFY_FAILED" in reason:
            raise WorkError(f"{shown(url)}: its certificate is not trusted") from error
        raise BrokenError(f"cannot be reached ({reason})") from error


def _whole_or_from(response: requests.Response, offset: int) -> bool:
    """Whether the answer to a question for the rest is of use; a wrong rest is not."""
    if response.status_code == HTTPStatus.PARTIAL_CONTENT:
        return _extent(response)[0] == offset
    return response.status_code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE


def _check_status(url: str, response: requests.Response) -> None:
    status = response.status_code
    said = f"answers {status} ({response.reason})"
    if status in BUSY:
        wait = _retry_after(response)
        if wait > LONGEST_WAIT:
            raise WorkError(f"{shown(url)} {said} and asks to wait {wait:.0f} s; try again then")
        raise BrokenError(said, wait)
    if status not in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
        raise WorkError(f"{shown(url)} {said}")


def _extent(response: requests.Response) -> tuple[int, int | None]:
    """First byte and size of the whole, as the server tells them; -1 where it tells nonsense."""
    if response.status_code == HTTPStatus.PARTIAL_CONTENT:
        told = re.fullmatch(
            r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "").strip()
        )
        if told is None:
            return -1, None
        return int(told[1]), None if told[2] == "*" else int(told[2])
    length = response.headers.get("Content-Length", "")
    # Of an encoded answer it is not the file's.
    plain = length.isdecimal() and "Content-Encoding" not in response.headers
    return 0, int(length) if plain else None


def _retry_after(response: requests.Response) -> float:
    """Seconds that the server wants to be left alone."""
    try:
        return Retry().get_retry_after(response.raw) or 0
    except InvalidHeader:
        return 0


def _chunks(response: requests.Response, timeout: float) -> Iterator[bytes]:
    try:
        yield from response.iter_content(CHUNK)
    except exceptions.RequestException as error:
        silent = "timed out" in _reason(error)
        raise BrokenError(f"sent nothing for {timeout:g} s" if silent else "broke off") from error


def _reason(error: BaseException) -> str:
    """What the system said; above it libraries pile theirs."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return getattr(error, "strerror", None) or one_line(error)
