"""Who is searched and who asks: the database, the queries and the validation part.

As in the paper (section 4): 80 % of each class, drawn at random, are the training set and the
database; the rest are the queries. A validation part comes out of the training set, never out of
the queries: its pictures are not trained on, query the rest of the training set during training,
and stay in the database at the final test.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dlheir.data.collection import Collection
from dlheir.data.inspection import PictureFacts
from dlheir.errors import InputError
from dlheir.files import sha256_of, write_json

SPLIT_SCHEMA = 1
SIDES = ("database", "queries", "validation")


@dataclass(frozen=True)
class Split:
    """Names of the pictures on each side, sorted.

    Attributes:
        seed: The seed that it was drawn with.
        database: Pictures that are searched: the training set and the validation part.
        queries: Pictures that are searched for.
        validation: Those of the database that are not trained on.
    """

    seed: int
    database: tuple[str, ...]
    queries: tuple[str, ...]
    validation: tuple[str, ...] = ()

    @property
    def training(self) -> tuple[str, ...]:
        """Pictures that are trained on: the database without the validation part."""
        held_out = set(self.validation)
        return tuple(name for name in self.database if name not in held_out)


def draw_split(
    collection: Collection, seed: int, database_share: float, validation_share: float
) -> Split:
    """Draw a split class by class.

    Args:
        collection: The pictures, at least two of each class.
        seed: Decides the draw, for each class apart: a class draws the same in any collection.
        database_share: Share of each class that goes to the database, in (0, 1); the paper's
            is 0.8. Each side gets at least one picture.
        validation_share: Share of each class's database pictures to validate on, in [0, 1).

    Returns:
        The split.

    Raises:
        InputError: A share is out of range, or a class is too small for a validation part.
    """
    if not 0 < database_share < 1:
        raise InputError(f"database_share is {database_share}; it must lie between 0 and 1")
    if not 0 <= validation_share < 1:
        raise InputError(f"validation_share is {validation_share}; it must be 0 or more, below 1")
    database: list[str] = []
    queries: list[str] = []
    validation: list[str] = []
    for name, members in _by_class(collection).items():
        random = np.random.default_rng([seed, zlib.crc32(name.encode())])
        drawn = [members[i] for i in random.permutation(len(members))]
        in_database = min(max(round(database_share * len(drawn)), 1), len(drawn) - 1)
        held_out = max(round(validation_share * in_database), 1) if validation_share else 0
        if held_out >= in_database:
            raise InputError(
                f"class {name} has {in_database} database pictures, too few for a validation part; "
                "add pictures or set --data.validation_share 0"
            )
        database += drawn[:in_database]
        queries += drawn[in_database:]
        validation += drawn[:held_out]
    return Split(seed, tuple(sorted(database)), tuple(sorted(queries)), tuple(sorted(validation)))


def write_split(path: Path, split: Split, facts: Mapping[str, PictureFacts]) -> None:
    """Write a split down by side, class, file name and SHA-256.

    Args:
        path: The JSON file.
        split: The split.
        facts: What is known of each picture, by name.
    """
    write_json(path, {"schema": SPLIT_SCHEMA, "seed": split.seed, **_sides(split, facts)})


def split_sha256(split: Split, facts: Mapping[str, PictureFacts]) -> str:
    """One hash over who stands where and over every picture's content, whatever the seed."""
    return sha256_of(_sides(split, facts))


def read_split(path: Path, facts: Mapping[str, PictureFacts]) -> Split:
    """Read a split back and hold it against the pictures that are there.

    Args:
        path: A file that `write_split` wrote.
        facts: What is known of each picture that is there, by name.

    Returns:
        The split.

    Raises:
        InputError: The file is no split, or names a picture that is missing or has changed.
    """
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        schema, seed = written["schema"], int(written["seed"])
        database, queries, validation = (_flat(written[side]) for side in SIDES)
    except OSError as error:
        raise InputError(f"{path}: the split cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not a split file as dlheir writes it") from error
    if schema != SPLIT_SCHEMA:
        raise InputError(f"{path}: a split of schema {schema}; this program reads {SPLIT_SCHEMA}")
    for name, sha256 in {**database, **queries, **validation}.items():
        if name not in facts:
            raise InputError(f"{path}: {name} is missing; this split is of other pictures")
        if facts[name].sha256 != sha256:
            raise InputError(f"{path}: {name} has changed since; this split is of other pictures")
    if not database or not queries:
        raise InputError(f"{path}: the database or the queries are empty")
    if database.keys() & queries.keys():
        raise InputError(f"{path}: a picture stands both in the database and in the queries")
    if validation.keys() - database.keys():
        raise InputError(f"{path}: a validation picture is not in the database")
    return Split(seed, tuple(sorted(database)), tuple(sorted(queries)), tuple(sorted(validation)))


def check_no_copies(split: Split, facts: Mapping[str, PictureFacts]) -> None:
    """Refuse queries that are byte-identical to a database picture.

    Args:
        split: The split.
        facts: What is known of each picture, by name.

    Raises:
        InputError: There are such queries; the first are named.
    """
    in_database = {facts[name].sha256: name for name in split.database}
    copies = [
        f"{query} = {in_database[facts[query].sha256]}"
        for query in split.queries
        if facts[query].sha256 in in_database
    ]
    if copies:
        raise InputError(
            f"{len(copies)} queries are copies of database pictures ({', '.join(copies[:3])}); "
            "remove them, or allow them by --data.allow_copies true"
        )


def _by_class(collection: Collection) -> dict[str, list[str]]:
    members: dict[str, list[str]] = {name: [] for name in collection.classes}
    for name, label in zip(collection.names, collection.labels, strict=True):
        members[collection.classes[label]].append(name)
    for name, pictures in members.items():
        if len(pictures) < 2:
            raise InputError(f"class {name} has {len(pictures)} readable pictures; 2 are needed")
    return members


def _sides(split: Split, facts: Mapping[str, PictureFacts]) -> dict[str, dict[str, dict[str, str]]]:
    sides: dict[str, dict[str, dict[str, str]]] = {}
    for side in SIDES:
        by_class: dict[str, dict[str, str]] = {}
        for name in getattr(split, side):
            by_class.setdefault(facts[name].class_name, {})[name] = facts[name].sha256
        sides[side] = by_class
    return sides


def _flat(by_class: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    return {name: digest for names in by_class.values() for name, digest in names.items()}
