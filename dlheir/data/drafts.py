"""Folders that are whole or absent: written as a hidden draft, then moved to their place."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_folder(folder: Path, is_whole: Callable[[], bool]) -> Iterator[Path]:
    """Yield a path that becomes `folder` when the block ends without an error.

    Args:
        folder: The folder to write, absent or empty.
        is_whole: Whether another process, which was faster, has written it meanwhile.

    Yields:
        The draft, to be made and filled. A killed process leaves at most this hidden folder,
        beside `folder`.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as beside:
        draft = Path(beside, "pictures")
        yield draft
        try:
            draft.rename(folder)
        except OSError:
            if not is_whole():
                raise
