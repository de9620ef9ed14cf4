"""The baselines beside a run's network: the same pictures, queries and training set."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from dlheir.baselines import NO_ANSWER, System, get_system
from dlheir.callbacks.kept_answers import Answered, kept
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
    """

    name: str
    options: dict[str, Any]
    data: PictureFolder
    k: int

    def search(self, order: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Answer the run's queries.

        Args:
            order: Rows of the database as the server holds them, which decides among ties.

        Returns:
            (Q, k) rows of the database, `NO_ANSWER` where a pre-filter left fewer.
        """
        split = self.data.split
        database = [split.database[row] for row in order]
        asked = {
            "name": self.name,
            "options": self.options,
            "seed": self.data.seed,
            "k": self.k,
            "training": self._contents(split.training),
            "database": self._contents(database),
            "queries": self._contents(split.queries),
        }
        self._answered = kept(asked, lambda: self._play(database))
        rows = self._answered.rows
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
        answered = self._answered
        found = {
            "title": answered.title,
            "options": self.options,
            "precision": served_precision(relevant, ks),
            "timing": {name: round(value, 6) for name, value in answered.seconds.items()},
            "feature_shape": answered.feature_shape,
        }
        return (
            found if answered.compared == 1 else {**found, "pictures_compared": answered.compared}
        )

    def _play(self, database: Sequence[str]) -> Answered:
        """Play the system through on the run's pictures."""
        system: System[Any] = get_system(self.name, seed=self.data.seed, **self.options)
        console.print(f"Baseline {system.title}", soft_wrap=True)
        seconds: dict[str, float] = {}
        with _measured(seconds, "prepare"):
            system.prepare(self.data.paths(self.data.split.training))
        with _measured(seconds, "features"):
            features = system.features(self.data.paths(tuple(database)))
        with _measured(seconds, "index"):
            index = system.index(features)
        with _measured(seconds, "trapdoor"):
            query_features = system.features(self.data.paths(self.data.split.queries))
            trapdoors = system.trapdoors(query_features)
        with _measured(seconds, "search"):
            rows, _ = index.search(trapdoors, self.k)
        # All that an endless search finds is what a pre-filter leaves.
        some = system.trapdoors(query_features[:_COUNTED_QUERIES])
        compared = float((index.search(some, len(index))[0] != NO_ANSWER).mean())
        return Answered(system.title, rows, seconds, list(features.shape[1:]), compared)

    def _contents(self, names: Sequence[str]) -> list[str]:
        return [self.data.facts[name].sha256 for name in names]


@contextmanager
def _measured(seconds: dict[str, float], part: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    seconds[part] = time.perf_counter() - began
