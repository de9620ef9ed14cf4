"""Protocols: which pictures train, which are searched, and which ask.

What a score means depends on it. Under `paper` the network has learnt the very pictures that it
searches, so precision is close to its accuracy in classifying the queries. `disjoint` asks
whether codes of new pictures of known classes are found, and `unseen_classes` whether codes tell
apart what the network never learnt, which is what similarity search is for. Scores of different
protocols do not compare.
"""

import zlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import ClassVar, NamedTuple

import numpy as np

from dlheir.errors import InputError

# Each class's pictures, in an order drawn by seed.
Drawn = Mapping[str, Sequence[str]]


class Sides(NamedTuple):
    """Names of pictures by what they are for.

    Attributes:
        training: To learn from; a validation part comes out of them.
        database: To search.
        queries: To search for; never in one of the others.
    """

    training: Sequence[str]
    database: Sequence[str]
    queries: Sequence[str]


@dataclass(frozen=True)
class Protocol(ABC):
    """A rule by which pictures are dealt out, with its settings.

    A subclass's fields are shares in (0, 1), and its settings under `--data`.

    Raises:
        InputError: A share is out of range.
    """

    name: ClassVar[str]

    def __post_init__(self) -> None:
        for field in fields(self):
            share = getattr(self, field.name)
            if not 0 < share < 1:
                raise InputError(f"{field.name} is {share}; it must lie between 0 and 1")

    @abstractmethod
    def deal(self, drawn: Drawn, seed: int) -> dict[str, Sides]:
        """Deal out each class.

        Args:
            drawn: The pictures, at least two of each class.
            seed: Decides what is not decided by their order.

        Returns:
            The sides of each class, by its name.

        Raises:
            InputError: There are too few pictures or classes.
        """

    @abstractmethod
    def broken_promise(self, sides: Sides, class_of: Mapping[str, str]) -> str | None:
        """Say what is against this protocol in sides that someone else has drawn.

        Args:
            sides: Of all classes together; queries stand on no other side.
            class_of: Each picture's class.

        Returns:
            What is wrong, in words that follow a file's name; null if nothing is.
        """


@dataclass(frozen=True)
class Paper(Protocol):
    """The paper's (section 4): the database is the training set.

    The network has seen every picture that it finds.

    Attributes:
        database_share: Share of each class that is trained on and searched; the rest are queries.
    """

    name = "paper"
    database_share: float = 0.8

    def deal(self, drawn: Drawn, seed: int) -> dict[str, Sides]:  # noqa: ARG002
        """Cut each class into database and queries."""
        return {name: self._deal(pictures) for name, pictures in drawn.items()}

    def _deal(self, pictures: Sequence[str]) -> Sides:
        database, queries = cut(pictures, self.database_share)
        return Sides(database, database, queries)

    def broken_promise(self, sides: Sides, class_of: Mapping[str, str]) -> str | None:  # noqa: ARG002
        """The training set and its validation part are the database."""
        return trained_but_not_searched(sides) or searched_but_not_trained(sides)


@dataclass(frozen=True)
class Disjoint(Protocol):
    """A database that was never trained on, of classes that were.

    The queries are those of `paper` under the same seed.

    Attributes:
        database_share: Share of each class that is not queries.
        training_share: Share of these to train on; the rest are the database.
    """

    name = "disjoint"
    database_share: float = 0.8
    training_share: float = 0.5

    def deal(self, drawn: Drawn, seed: int) -> dict[str, Sides]:  # noqa: ARG002
        """Cut each class as `paper` does, then what is not queries once more."""
        return {name: self._deal(name, pictures) for name, pictures in drawn.items()}

    def _deal(self, name: str, pictures: Sequence[str]) -> Sides:
        others, queries = cut(pictures, self.database_share)
        if len(others) < 2:
            raise InputError(
                f"class {name} has {len(pictures)} pictures, too few for protocol disjoint: 1 to "
                "train on, 1 to search and 1 query are needed; add pictures, or raise "
                "--data.database_share"
            )
        training, database = cut(others, self.training_share)
        return Sides(training, database, queries)

    def broken_promise(self, sides: Sides, class_of: Mapping[str, str]) -> str | None:  # noqa: ARG002
        """No database picture was trained on."""
        return searched_and_trained(sides)


@dataclass(frozen=True)
class UnseenClasses(Protocol):
    """Classes that were never trained on (Sablayrolles et al., ICASSP 2017).

    "How should we evaluate supervised hashing?" shows that the output of a classifier, taken for
    the code, beats hashing where queries are of trained classes, and so proposes retrieval among
    classes that none of the training pictures is of. Each class gets a number by seed and name,
    and the lowest are unseen, so that another class in the collection moves at most one.

    Attributes:
        database_share: Share of each unseen class that is searched; the rest are its queries.
        unseen_share: Share of the classes that are not trained on; at least 2 are, and 2 are not.
    """

    name = "unseen_classes"
    database_share: float = 0.8
    unseen_share: float = 0.25

    def deal(self, drawn: Drawn, seed: int) -> dict[str, Sides]:
        """Train on seen classes whole; cut unseen ones into database and queries."""
        unseen = self._unseen(list(drawn), seed)
        return {
            name: Sides((), *cut(pictures, self.database_share))
            if name in unseen
            else Sides(pictures, (), ())
            for name, pictures in drawn.items()
        }

    def _unseen(self, classes: Sequence[str], seed: int) -> set[str]:
        if len(classes) < 4:
            raise InputError(
                f"there are {len(classes)} classes, too few for protocol unseen_classes: 2 to "
                "train on and 2 to search are needed; add some, or choose another --data.protocol"
            )
        lots = {name: class_random(seed, name, 1).random() for name in classes}
        count = min(max(round(self.unseen_share * len(classes)), 2), len(classes) - 2)
        return set(sorted(classes, key=lambda name: (lots[name], name))[:count])

    def broken_promise(self, sides: Sides, class_of: Mapping[str, str]) -> str | None:
        """No class of database or queries was trained on."""
        seen = {class_of[name] for name in sides.training}
        tested = {class_of[name] for name in [*sides.database, *sides.queries]}
        if seen & tested:
            return f"class {min(seen & tested)} is trained on and tested"
        return None


PROTOCOLS: dict[str, type[Protocol]] = {
    kind.name: kind for kind in (Paper, Disjoint, UnseenClasses)
}


def make_protocol(
    protocols: Mapping[str, type[Protocol]], name: str, **settings: float | None
) -> Protocol:
    """Make a protocol by name.

    Args:
        protocols: What a data set offers.
        name: One of them.
        settings: Shares of all of them; null takes the protocol's own.

    Returns:
        The protocol.

    Raises:
        InputError: There is no such protocol, it does not use a share, or one is out of range.
    """
    if name not in protocols:
        raise InputError(f"data.protocol is {name!r}; there are {', '.join(protocols)}")
    given = {setting: share for setting, share in settings.items() if share is not None}
    used = {field.name for field in fields(protocols[name])}
    for setting, share in given.items():
        if setting not in used:
            raise InputError(
                f"data.{setting} is {share}, but protocol {name} does not use it; leave it out or "
                "choose another --data.protocol"
            )
    return protocols[name](**given)


def cut(pictures: Sequence[str], share: float) -> tuple[Sequence[str], Sequence[str]]:
    """Cut at a share of the pictures, at least one on each side where there are two."""
    first = min(max(round(share * len(pictures)), 1), len(pictures) - 1)
    return pictures[:first], pictures[first:]


def class_random(seed: int, name: str, *purpose: int) -> np.random.Generator:
    """Random numbers of one class, whatever other classes there are."""
    return np.random.default_rng([seed, zlib.crc32(name.encode()), *purpose])


def trained_but_not_searched(sides: Sides) -> str | None:
    """Name a training picture that is not in the database, for protocols where all are."""
    return _first(
        set(sides.training) - set(sides.database), "is trained on, but not in the database"
    )


def searched_but_not_trained(sides: Sides) -> str | None:
    """Name a database picture that is not trained on, for protocols where all are."""
    return _first(
        set(sides.database) - set(sides.training), "is in the database, but not trained on"
    )


def searched_and_trained(sides: Sides) -> str | None:
    """Name a database picture that is trained on, for protocols where none is."""
    return _first(set(sides.database) & set(sides.training), "is in the database and trained on")


def _first(names: set[str], what: str) -> str | None:
    return f"{min(names)} {what}" if names else None
