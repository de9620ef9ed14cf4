"""What a person sees while the work is done: one console, one kind of progress bar."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TransferSpeedColumn,
    track,
)

T = TypeVar("T")

# Results go to stdout; everything about the work itself goes to stderr. Of several processes on
# a machine, one speaks.
console = Console(stderr=True, highlight=False, quiet=os.environ.get("LOCAL_RANK", "0") != "0")


def progress(items: Iterable[T], description: str, total: int | None = None) -> Iterable[T]:
    """Iterate with a progress bar on stderr.

    Args:
        items: What to iterate over.
        description: A verb and its object, such as "Sealing pictures".
        total: Number of items, where `items` has no length.

    Returns:
        The same items.
    """
    return track(items, f"{description:<24}", total=total, console=console)


@contextmanager
def counter(description: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on stderr for work that reports its own steps.

    Args:
        description: A verb and its object, such as "Sealing pictures".
        total: Number of steps.

    Yields:
        A function that is called with the number of steps just done.
    """
    with Progress(console=console) as bar:
        task = bar.add_task(f"{description:<24}", total=total)
        yield lambda steps: bar.advance(task, steps)


@contextmanager
def transfer(description: str, total: int, done: int = 0) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on stderr for bytes that come from elsewhere.

    Args:
        description: A verb and its object, such as "Downloading densenet201.corel5k_48b".
        total: Number of bytes.
        done: How many of them are here already.

    Yields:
        A function that is called with the number of bytes just come.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(20),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(description, total=total, completed=done)
        yield lambda count: bar.advance(task, count)
