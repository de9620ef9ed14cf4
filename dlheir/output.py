"""What the commands say on stdout: results. What is about the work itself goes to stderr."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

_PIPE_WIDTH = 120  # columns of what goes to a file or a pipe


def say(line: str) -> None:
    """Print a line as it is, however long."""
    _stdout().print(plain(line), soft_wrap=True)


def show(table: Table) -> None:
    """Print a table."""
    _stdout().print(table)


def plain(text: str) -> Text:
    """Take text from outside for the terminal: no markup, and nothing that steers the terminal."""
    return Text(printable(text))


def printable(text: str) -> str:
    """Return text with a mark in place of each character that is not to be seen."""
    return "".join(character if character.isprintable() else "�" for character in text)


def end_of(text: str, length: int = 80) -> str:
    """Cut a name to its end: names of one folder differ there."""
    return text if len(text) <= length else f"…{text[1 - length :]}"


def _stdout() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_PIPE_WIDTH)
