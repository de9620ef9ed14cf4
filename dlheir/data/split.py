"""Who trains, who is searched and who asks: drawn by a protocol, written down and read back.

A validation part comes out of the training pictures, never out of the queries: it is not trained
on, and queries the rest of the training pictures during training. Where training pictures are
searched, as in the paper, it stays in the database at the final test.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlheir.data.collection import Collection
from dlheir.data.inspection import PictureFacts
from dlheir.data.protocols import Drawn, Paper, Protocol, Sides, class_random
from dlheir.errors import InputError
from dlheir.files import sha256_of, write_json

# Of schema 1 is the protocol `paper`, where the database less the validation part is trained on.
# Schema 2 names its protocol, and says who is trained on.
PAPER_SCHEMA, SPLIT_SCHEMA = 1, 2
PAPER_SIDES = ("database", "queries", "validation")
SIDES = ("training", *PAPER_SIDES)


@dataclass(frozen=True)
class Split:
    """Names of the pictures on each side, sorted.

    Attributes:
        protocol: The protocol's name.
        seed: The seed that it was drawn with.
        training: Pictures that are trained on.
        database: Pictures that are searched.
        queries: Pictures that are searched for.
        validation: Pictures held back from training, to choose by.
    """

    protocol: str
    seed: int
    training: tuple[str, ...]
    database: tuple[str, ...]
    queries: tuple[str, ...]
    validation: tuple[str, ...] = ()


def draw_split(
    collection: Collection, protocol: Protocol, seed: int, validation_share: float
) -> Split:
    """Draw a split class by class.

    Args:
        collection: The pictures, at least two of each class.
        protocol: Deals out each class's pictures.
        seed: Decides the draw, for each class apart: a class draws the same in any collection,
            but for whether it is one of the unseen classes.
        validation_share: Share of each class's training pictures to validate on, in [0, 1).

    Returns:
        The split.

    Raises:
        InputError: The share is out of range, or there are too few pictures or classes.
    """
    if not 0 <= validation_share < 1:
        raise InputError(f"validation_share is {validation_share}; it must be 0 or more, below 1")
    drawn: dict[str, list[str]] = {}
    for name, members in _by_class(collection).items():
        order = class_random(seed, name).permutation(len(members))
        drawn[name] = [members[i] for i in order]
    sides: dict[str, list[str]] = {side: [] for side in SIDES}
    for name, dealt in protocol.deal(drawn, seed).items():
        held_out = _held_out(name, len(dealt.training), validation_share)
        sides["validation"] += dealt.training[:held_out]
        sides["training"] += dealt.training[held_out:]
        sides["database"] += dealt.database
        sides["queries"] += dealt.queries
    return Split(protocol.name, seed, **{side: tuple(sorted(sides[side])) for side in SIDES})


def write_split(path: Path, split: Split, facts: Mapping[str, PictureFacts]) -> None:
    """Write a split down by side, class, file name and SHA-256.

    Args:
        path: The JSON file.
        split: The split.
        facts: What is known of each picture, by name.
    """
    head: dict[str, Any] = {"schema": PAPER_SCHEMA}
    if split.protocol != Paper.name:
        head = {"schema": SPLIT_SCHEMA, "protocol": split.protocol}
    write_json(path, {**head, "seed": split.seed, **_sides(split, facts)})


def split_sha256(split: Split, facts: Mapping[str, PictureFacts]) -> str:
    """One hash over who stands where and over every picture's content, whatever the seed."""
    return sha256_of(_sides(split, facts))


def read_split(path: Path, facts: Mapping[str, PictureFacts], protocol: Protocol) -> Split:
    """Read a split back, and hold it against the pictures that are there and the protocol.

    Args:
        path: A file that `write_split` wrote.
        facts: What is known of each picture that is there, by name.
        protocol: What it must be of.

    Returns:
        The split.

    Raises:
        InputError: The file is no split, names a picture that is missing or has changed, or is
            not what the protocol promises.
    """
    named, seed, sides = _read(path)
    for side in sides.values():
        _check_there(path, side, facts)
    if named != protocol.name:
        raise InputError(
            f"{path}: a split of protocol {named}, not of {protocol.name}; set --data.protocol "
            f"{named}, or give another split"
        )
    split = Split(named, seed, **{side: tuple(sorted(sides[side])) for side in SIDES})
    broken = _broken(split) or protocol.broken_promise(
        Sides([*split.training, *split.validation], split.database, split.queries),
        {name: known.class_name for name, known in facts.items()},
    )
    if broken:
        raise InputError(
            f"{path}: no split of protocol {named}, as {broken}; give another, or leave "
            "--data.split out to draw one"
        )
    return split


def check_no_copies(split: Split, facts: Mapping[str, PictureFacts]) -> None:
    """Refuse byte-identical pictures on sides that are to have nothing in common.

    These are the queries and the database and, where no database picture is trained on, each of
    them and what the network learns from, validation included.

    Args:
        split: The split.
        facts: What is known of each picture, by name.

    Raises:
        InputError: There are such pictures; the first are named.
    """
    _check_apart("queries", split.queries, "database", split.database, facts)
    if not set(split.database) & set(split.training):
        learnt = [*split.training, *split.validation]
        _check_apart("queries", split.queries, "training", learnt, facts)
        _check_apart("database pictures", split.database, "training", learnt, facts)


def _by_class(collection: Collection) -> Drawn:
    members: dict[str, list[str]] = {name: [] for name in collection.classes}
    for name, label in zip(collection.names, collection.labels, strict=True):
        members[collection.classes[label]].append(name)
    for name, pictures in members.items():
        if len(pictures) < 2:
            raise InputError(f"class {name} has {len(pictures)} readable pictures; 2 are needed")
    return members


def _held_out(name: str, training: int, validation_share: float) -> int:
    """How many of a class's training pictures to validate on: at least one, and not all."""
    if not validation_share or not training:
        return 0
    held_out = max(round(validation_share * training), 1)
    if held_out >= training:
        raise InputError(
            f"class {name} has {training} training pictures, too few for a validation part; "
            "add pictures or set --data.validation_share 0"
        )
    return held_out


def _sides(split: Split, facts: Mapping[str, PictureFacts]) -> dict[str, dict[str, dict[str, str]]]:
    sides: dict[str, dict[str, dict[str, str]]] = {}
    for side in PAPER_SIDES if split.protocol == Paper.name else SIDES:
        by_class: dict[str, dict[str, str]] = {}
        for name in getattr(split, side):
            by_class.setdefault(facts[name].class_name, {})[name] = facts[name].sha256
        sides[side] = by_class
    return sides


def _read(path: Path) -> tuple[str, int, dict[str, dict[str, str]]]:
    """A split file's protocol and seed, and the names with their hashes on each side."""
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        schema, seed = written["schema"], int(written["seed"])
        names_protocol = schema == SPLIT_SCHEMA
        protocol = str(written["protocol"]) if names_protocol else Paper.name
        given = SIDES if names_protocol else PAPER_SIDES
        sides = {side: _flat(written[side]) for side in given}
    except OSError as error:
        raise InputError(f"{path}: the split cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not a split file as dlheir writes it") from error
    if schema not in (PAPER_SCHEMA, SPLIT_SCHEMA):
        raise InputError(
            f"{path}: a split of schema {schema}; this program reads {PAPER_SCHEMA} and "
            f"{SPLIT_SCHEMA}"
        )
    if schema == PAPER_SCHEMA:
        database, validation = sides["database"], sides["validation"]
        sides["training"] = {n: digest for n, digest in database.items() if n not in validation}
    return protocol, seed, sides


def _check_there(path: Path, side: Mapping[str, str], facts: Mapping[str, PictureFacts]) -> None:
    for name, sha256 in side.items():
        if name not in facts:
            raise InputError(f"{path}: {name} is missing; this split is of other pictures")
        if facts[name].sha256 != sha256:
            raise InputError(f"{path}: {name} has changed since; this split is of other pictures")


def _flat(by_class: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    return {name: digest for names in by_class.values() for name, digest in names.items()}


def _broken(split: Split) -> str | None:
    """What is wrong with a split under any protocol."""
    for side in ("training", "database", "queries"):
        if not getattr(split, side):
            return f"it has no picture for {side}"
    for one, other in (
        ("database", "queries"),
        ("training", "queries"),
        ("validation", "queries"),
        ("validation", "training"),
    ):
        both = set(getattr(split, one)) & set(getattr(split, other))
        if both:
            return f"{min(both)} stands both in {one} and in {other}"
    return None


def _check_apart(
    what: str,
    names: Sequence[str],
    side: str,
    others: Sequence[str],
    facts: Mapping[str, PictureFacts],
) -> None:
    """Refuse pictures that are byte-identical to one of the other side."""
    there = {facts[name].sha256: name for name in others}
    copies = [
        f"{name} = {there[facts[name].sha256]}" for name in names if facts[name].sha256 in there
    ]
    if copies:
        raise InputError(
            f"{len(copies)} {what} are copies of {side} pictures ({', '.join(copies[:3])}); "
            "remove them, or allow them by --data.allow_copies true"
        )
