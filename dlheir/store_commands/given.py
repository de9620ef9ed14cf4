"""The pictures that an owner gives: files and folders, and the names that they are stored under."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from dlheir.errors import InputError
from dlheir.store.owner import Picture
from dlheir.suffixes import PICTURE_SUFFIXES


def given_pictures(places: Sequence[Path]) -> list[Picture]:
    """Find the pictures in files and folders.

    A file is named as itself, whatever its suffix. A folder gives the pictures in it and in its
    sub-folders, hidden ones not, named by their path in it with forward slashes.

    Args:
        places: files and folders.

    Returns:
        The pictures, in that order and then by name, none twice.

    Raises:
        InputError: a place does not exist or has no pictures, or two different pictures have the
            same name.
    """
    paths: dict[str, Path] = {}
    for place in places:
        for name, path in _named(place):
            other = paths.setdefault(name, path)
            if other != path and Picture(name, other).read() != Picture(name, path).read():
                raise InputError(
                    f"{other} and {path}: two pictures with one name, {name}; rename one, or give "
                    "a folder above both"
                )
    return [Picture(name, path) for name, path in paths.items()]


def _named(place: Path) -> Iterator[tuple[str, Path]]:
    if not place.is_dir():
        if not place.exists():
            raise InputError(f"{place}: no such picture or folder")
        yield place.name, place
        return
    paths = sorted(path for path in place.rglob("*") if _is_picture(path, place))
    if not paths:
        raise InputError(f"{place}: no pictures in it, of {' '.join(sorted(PICTURE_SUFFIXES))}")
    for path in paths:
        yield path.relative_to(place).as_posix(), path


def _is_picture(path: Path, folder: Path) -> bool:
    return (
        path.suffix.lower() in PICTURE_SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and not path.is_dir()
    )
