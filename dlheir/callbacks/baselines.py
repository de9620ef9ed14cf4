"""The baselines beside a run's network: the same pictures, queries and training set."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from dlheir.baselines import NO_ANSWER, Features, ServerIndex, System, get_system
from dlheir.console import console
from dlheir.data.folder import PictureFolder
from dlheir.errors import InputError
from dlheir.retrieval import served_precision

Options = Mapping[str, dict[str, Any]]
# Queries by which is counted what a pre-filter leaves: all answers to all queries take much memory.
_COUNTED_QUERIES = 100


def check_baselines(baselines: Options) -> None:
    """Refuse what no system can be made of, before there is anything to search.

    Args:
        baselines: Options of each baseline by its name.

    Raises:
        InputError: A name or an option is unknown, or an extra is not installed.
    """
    for name, options in baselines.items():
        for taken in {"name", "seed"} & options.keys():
            raise InputError(f"retrieval.baselines: {name} takes no {taken!r}; the run's is used")
        try:
            # What a system draws must not change the network's first weights.
            with torch.random.fork_rng(devices=[]):
                get_system(name, **options)
        except InputError as error:
            raise InputError(f"retrieval.baselines: {error}") from error
        except (TypeError, ValueError) as error:  # of values that are of another kind
            raise InputError(f"retrieval.baselines: {name}: {error}") from error


@dataclass
class Baseline:
    """One baseline's part of a run.

    Keys come from the run's seed, so that a repeated experiment serves the same answers.

    Attributes:
        name: What `get_system` knows it by.
        options: Its options.
        data: The pictures.
        k: Answers a query.
        seconds: Of learning from the training pictures (`prepare`), extracting the database's
            features (`features`), protecting them and laying them out (`index`), extracting and
            protecting the queries' (`trapdoor`, as the network's TrapGen), and `search`.
    """

    name: str
    options: dict[str, Any]
    data: PictureFolder
    k: int
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._system: System[Any] = get_system(self.name, seed=self.data.seed, **self.options)
        self._shape: tuple[int, ...] = ()
        self._compared = 1.0

    def search(self, order: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Play the system through on the run's pictures.

        Args:
            order: Rows of the database as the server holds them, which decides among ties.

        Returns:
            (Q, k) rows of the database, `NO_ANSWER` where a pre-filter left fewer.
        """
        console.print(f"Baseline {self._system.title}", soft_wrap=True)
        system, split = self._system, self.data.split
        database = tuple(split.database[row] for row in order)
        with self._measured("prepare"):
            system.prepare(self.data.paths(split.training))
        with self._measured("features"):
            features = system.features(self.data.paths(database))
        self._shape = features.shape[1:]
        with self._measured("index"):
            index = system.index(features)
        with self._measured("trapdoor"):
            query_features = system.features(self.data.paths(split.queries))
            trapdoors = system.trapdoors(query_features)
        with self._measured("search"):
            rows, _ = index.search(trapdoors, self.k)
        self._compared = self._share_compared(index, query_features)
        return np.where(rows == NO_ANSWER, NO_ANSWER, order[rows])

    def as_dict(
        self,
        answers: npt.NDArray[np.int64],
        labels: npt.NDArray[np.int64],
        query_labels: npt.NDArray[np.int64],
        ks: Sequence[int],
    ) -> dict[str, Any]:
        """What `results.json` holds of it.

        Args:
            answers: (Q, k) what `search` returned.
            labels: (N,) of the database.
            query_labels: (Q,) of the queries.
            ks: Numbers of answers to report precision at, k at most.
        """
        relevant = (answers != NO_ANSWER) & (labels[answers] == query_labels[:, None])
        found = {
            "title": self._system.title,
            "options": self.options,
            "precision": served_precision(relevant, ks),
            "timing": {name: round(value, 6) for name, value in self.seconds.items()},
            "feature_shape": list(self._shape),
        }
        return found if self._compared == 1 else {**found, "pictures_compared": self._compared}

    @contextmanager
    def _measured(self, part: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[part] = time.perf_counter() - began

    def _share_compared(self, index: ServerIndex[Any], features: Features) -> float:
        """Mean share of the pictures that a pre-filter leaves: all that an endless search finds."""
        some = self._system.trapdoors(features[:_COUNTED_QUERIES])
        return float((index.search(some, len(index))[0] != NO_ANSWER).mean())
