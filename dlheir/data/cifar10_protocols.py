"""The three ways in which the field splits CIFAR-10's 60,000 pictures; their scores do not compare.

Most of the differences between published scores come from here: `cifar10_50k` has ten times as
many labels to learn from, and in `cifar10_59k` and `cifar10_50k` what is learnt is also found.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from dlheir.data.protocols import (
    Drawn,
    Protocol,
    Sides,
    searched_and_trained,
    searched_but_not_trained,
    trained_but_not_searched,
)
from dlheir.errors import InputError

TRAIN, TEST = "train", "test"


@dataclass(frozen=True)
class Cifar54k(Protocol):
    """1,000 queries, 5,000 training pictures, a database of the other 54,000, by class and seed.

    HashNet's convention (Cao et al., ICCV 2017) carried over to CIFAR-10: as under `disjoint`, no
    picture that is found was trained on.
    """

    name = "cifar10_54k"
    queries_per_class: ClassVar[int] = 100
    training_per_class: ClassVar[int] = 500

    def deal(self, drawn: Drawn, seed: int) -> dict[str, Sides]:  # noqa: ARG002
        """Deal each class out: queries first, then training pictures, then the database."""
        return {name: self._deal(pictures) for name, pictures in drawn.items()}

    def _deal(self, pictures: Sequence[str]) -> Sides:
        queries, others = _cut_after(pictures, self.queries_per_class)
        training, database = _cut_after(others, self.training_per_class)
        return Sides(training, database, queries)

    def broken_promise(self, sides: Sides, class_of: Mapping[str, str]) -> str | None:
        """Numbers are right in each class, no picture is left out, none is found and learnt."""
        return (
            searched_and_trained(sides)
            or _miscounted(sides.queries, self.queries_per_class, "queries", class_of)
            or _miscounted(sides.training, self.training_per_class, "training", class_of)
            or _left_out(sides, class_of)
        )


@dataclass(frozen=True)
class Cifar59k(Protocol):
    """The same 1,000 queries and 5,000 training pictures; all but the queries are the database.

    The convention of CNNH (Xia et al., AAAI 2014), DNNH (Lai et al., CVPR 2015) and DPSH (Li et
    al., IJCAI 2016): a twelfth of the database was trained on.
    """

    name = "cifar10_59k"
    queries_per_class: ClassVar[int] = 100
    training_per_class: ClassVar[int] = 500

    def deal(self, drawn: Drawn, seed: int) -> dict[str, Sides]:  # noqa: ARG002
        """Deal each class out: queries first, then the database; it begins with the training."""
        return {name: self._deal(pictures) for name, pictures in drawn.items()}

    def _deal(self, pictures: Sequence[str]) -> Sides:
        queries, database = _cut_after(pictures, self.queries_per_class)
        training, _ = _cut_after(database, self.training_per_class)
        return Sides(training, database, queries)

    def broken_promise(self, sides: Sides, class_of: Mapping[str, str]) -> str | None:
        """Numbers are right in each class, no picture is left out, all that is learnt is found."""
        return (
            trained_but_not_searched(sides)
            or _miscounted(sides.queries, self.queries_per_class, "queries", class_of)
            or _miscounted(sides.training, self.training_per_class, "training", class_of)
            or _left_out(sides, class_of)
        )


@dataclass(frozen=True)
class Cifar50k(Protocol):
    """The official 10,000 test pictures ask, the official 50,000 others train and are searched.

    The convention of DSH (Liu et al., CVPR 2016), and what `paper` is on other sets. The seed
    decides the validation part alone.
    """

    name = "cifar10_50k"

    def deal(self, drawn: Drawn, seed: int) -> dict[str, Sides]:  # noqa: ARG002
        """Deal each class out by the folder that its pictures stand in."""
        return {name: self._deal(pictures) for name, pictures in drawn.items()}

    def _deal(self, pictures: Sequence[str]) -> Sides:
        queries = [name for name in pictures if _is_test(name)]
        if not queries:
            raise InputError(
                f"protocol {self.name} queries the official test pictures, but nothing says which "
                f"they are; keep them in {TEST}/ and the others in {TRAIN}/, or choose another "
                "--data.protocol"
            )
        training = [name for name in pictures if not _is_test(name)]
        return Sides(training, training, queries)

    def broken_promise(self, sides: Sides, class_of: Mapping[str, str]) -> str | None:
        """The queries are the test pictures, all others are trained on and searched."""
        misplaced = {name for name in class_of if _is_test(name)} ^ set(sides.queries)
        if misplaced:
            return f"{min(misplaced)} is either a query or a test picture, not both"
        return (
            trained_but_not_searched(sides)
            or searched_but_not_trained(sides)
            or _left_out(sides, class_of)
        )


CIFAR10_PROTOCOLS: dict[str, type[Protocol]] = {
    kind.name: kind for kind in (Cifar54k, Cifar59k, Cifar50k)
}


def _cut_after(pictures: Sequence[str], count: int) -> tuple[Sequence[str], Sequence[str]]:
    return pictures[:count], pictures[count:]


def _is_test(name: str) -> bool:
    return name.startswith(f"{TEST}/")


def _miscounted(
    names: Sequence[str], expected: int, side: str, class_of: Mapping[str, str]
) -> str | None:
    found = Counter(class_of[name] for name in names)
    for class_name in sorted(set(class_of.values())):
        if found[class_name] != expected:
            return f"class {class_name} has {found[class_name]} {side} pictures, not {expected}"
    return None


def _left_out(sides: Sides, class_of: Mapping[str, str]) -> str | None:
    left_out = class_of.keys() - {*sides.training, *sides.database, *sides.queries}
    return f"{min(left_out)} is on no side" if left_out else None
