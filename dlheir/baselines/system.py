"""What a system of encrypted retrieval does, whatever its features are, role by role.

Example:
    system = get_system("xia_csd", seed=0)
    system.prepare(training_pictures)                        # the owner
    index = system.index(system.features(pictures))          # the owner; the server gets it
    trapdoors = system.trapdoors(system.features([query]))   # the user
    rows, scores = index.search(trapdoors, k=10)             # the server, which has no key
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Trapdoors = TypeVar("Trapdoors")
Features = NDArray[Any]
# Rows of the database and how far they are: smaller is nearer. One line a query.
Answers = tuple[NDArray[np.int64], NDArray[np.float64]]

NO_ANSWER = -1


class ServerIndex(ABC, Generic[Trapdoors]):
    """What the cloud server holds of a collection, and searches; no key is in it."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def search(self, trapdoors: Trapdoors, k: int) -> Answers:
        """Find the k most similar pictures of each query.

        Args:
            trapdoors: Of Q queries, from `System.trapdoors`.
            k: Answers a query, at least 1; more than there are pictures asks for all.

        Returns:
            Rows (Q, min(k, N)) int64 and scores (Q, min(k, N)) float64, nearest first, equal scores
            by row. Where a pre-filter left fewer pictures than k, row `NO_ANSWER` and score
            infinity stand at the end of the line.
        """


class System(ABC, Generic[Trapdoors]):
    """A system of encrypted retrieval with its keys: those of the owner and authorised users.

    Sealing the pictures themselves is the same in all systems (`dlheir.store`) and not in here.

    Attributes:
        name: What `get_system` knows it by.
        title: What tables and plots call it.
    """

    name: ClassVar[str]
    title: str

    def __init__(self, *, seed: int | None = None) -> None:
        """Start the generator that keys are drawn from.

        Args:
            seed: Repeats an experiment; null takes the operating system's randomness.
        """
        self._random = np.random.default_rng(seed)

    def prepare(self, pictures: Sequence[Path]) -> None:
        """Learn what features need, such as a codebook, from the owner's own pictures.

        Args:
            pictures: At least one; by default nothing is learned from them.
        """

    @abstractmethod
    def features(self, pictures: Sequence[Path]) -> Features:
        """Extract the features (N, ...) of N pictures, owner and user alike.

        Raises:
            InputError: A picture cannot be read; the message names it.
        """

    @abstractmethod
    def index(self, features: Features) -> ServerIndex[Trapdoors]:
        """Protect the features of a collection and lay them out as the server searches them.

        Ties are answered in the order of rows: let it say nothing about what pictures show.
        """

    @abstractmethod
    def trapdoors(self, features: Features) -> Trapdoors:
        """Protect the features of queries."""
