"""A collection: pictures on disk and the class of each."""

import re
from dataclasses import dataclass
from pathlib import Path

from dlheir.errors import InputError
from dlheir.suffixes import PICTURE_SUFFIXES


@dataclass(frozen=True)
class Collection:
    """Pictures of one folder, sorted by class and name.

    Attributes:
        root: The folder.
        names: Paths of the pictures relative to `root`, with forward slashes.
        labels: Index into `classes` of each picture.
        classes: Names of the classes, sorted.
    """

    root: Path
    names: tuple[str, ...]
    labels: tuple[int, ...]
    classes: tuple[str, ...]

    def without(self, left_out: set[str]) -> "Collection":
        """The same collection without some of its names; every class stays."""
        kept = [(n, c) for n, c in zip(self.names, self.labels, strict=True) if n not in left_out]
        return Collection(
            self.root, tuple(n for n, _ in kept), tuple(c for _, c in kept), self.classes
        )


def class_per_folder(root: Path) -> Collection:
    """Read a folder with one sub-folder per class.

    Args:
        root: The folder; hidden files and files that are no pictures by their suffix are passed.

    Returns:
        The collection; a class is named as its folder.

    Raises:
        InputError: The folder is missing, has no class, or a class has fewer than two pictures.
    """
    check_folder(root)
    folders = class_folders(root)
    if not folders:
        raise InputError(f"{root}: no class folders in it; expected {root}/<class>/<picture>.jpg")
    return _collection(root, {folder.name: _pictures(folder) for folder in folders})


def class_per_folder_in_parts(root: Path, parts: tuple[str, ...]) -> Collection:
    """Read a folder with one sub-folder per part, and in it one per class.

    Args:
        root: The folder.
        parts: Names of the parts, such as `test` and `train`; a class may stand in several.

    Returns:
        The collection.

    Raises:
        InputError: There are no classes, one, or a class has fewer than two pictures.
    """
    by_class: dict[str, list[Path]] = {}
    for part in sorted(parts):
        for folder in class_folders(root / part):
            by_class.setdefault(folder.name, []).extend(_pictures(folder))
    if not by_class:
        raise InputError(f"{root}: no class folders in its {' and '.join(parts)}")
    return _collection(root, by_class)


def class_per_hundred(root: Path) -> Collection:
    """Read a flat folder of numbered pictures: `707.jpg` is of class `007`, its number // 100.

    Args:
        root: The folder, as Corel sets are often handed round.

    Returns:
        The collection.

    Raises:
        InputError: The folder is missing or empty, or a picture's name is no number.
    """
    check_folder(root)
    pictures = _pictures(root)
    if not pictures:
        raise InputError(f"{root}: no pictures in it; expected {root}/<number>.jpg")
    by_class: dict[str, list[Path]] = {}
    for path in pictures:
        if not re.fullmatch(r"[0-9]+", path.stem):
            raise InputError(
                f"{path}: its name is no number, so its class is unknown; rename or remove it"
            )
        by_class.setdefault(f"{int(path.stem) // 100:03d}", []).append(path)
    return _collection(root, by_class)


def class_folders(root: Path) -> list[Path]:
    """Folders in a folder, sorted; hidden ones are passed."""
    return sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))


def check_folder(root: Path) -> None:
    """Refuse a folder of pictures that is not there."""
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; give the folder of pictures by --data.root")


def _pictures(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in PICTURE_SUFFIXES
        and not path.name.startswith(".")
        and not path.is_dir()
    )


def _collection(root: Path, by_class: dict[str, list[Path]]) -> Collection:
    if len(by_class) < 2:
        raise InputError(f"{root}: one class, {next(iter(by_class))}; at least 2 are needed")
    for name, members in by_class.items():
        if len(members) < 2:
            raise InputError(
                f"{root}: class {name} has too few pictures ({len(members)}); at least 2 are "
                "needed, one for the database and one to query with; add some or remove it"
            )
    classes = sorted(by_class)
    names = [
        (p.relative_to(root).as_posix(), i) for i, c in enumerate(classes) for p in by_class[c]
    ]
    return Collection(root, tuple(n for n, _ in names), tuple(i for _, i in names), tuple(classes))
