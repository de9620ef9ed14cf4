"""retrieval.png of a checkpoint whose own pictures may not be shown: of painted ones."""

import tempfile
from pathlib import Path

import numpy as np

from dlheir.data import Generated
from dlheir.hashing import Hasher, hash_pictures
from dlheir.report.picture import Answer, Row, draw_retrieval
from dlheir.store.owner import Picture
from dlheir.store.simulation import simulate

QUERIES, ANSWERS = 3, 8
PICTURES_PER_CLASS = 10  # of which 8 are searched, as many as there are answers


def draw_on_generated(path: Path, name: str, hasher: Hasher) -> None:
    """Draw what a network retrieves of pictures that it never saw, through the encrypted store.

    Args:
        path: The PNG to write.
        name: Of the checkpoint.
        hasher: Its network.
    """
    with tempfile.TemporaryDirectory() as folder:
        data = Generated(
            root=str(Path(folder, "pictures")),
            image_size=hasher.transform.image_size,
            pictures_per_class=PICTURES_PER_CLASS,
        )
        database = [Picture(name, path) for name, path in _named(data, data.split.database)]
        asked = _one_of_each_class(data, QUERIES)
        queries = [Picture(name, path) for name, path in _named(data, asked)]
        found = simulate(
            Path(folder, "store.sqlite"),
            database,
            hash_pictures(hasher, database).codes,
            hash_pictures(hasher, queries).codes,
            mode="plain",
            k=ANSWERS,
            seed=data.seed,
            shown=range(len(queries)),
            answers_shown=ANSWERS,
        )
        labels = data.labels(data.split.database)
        rows = [
            Row(
                data.collection.root / query,
                data.facts[query].class_name,
                [
                    Answer(found.shown[row], labels[row] == label, int(distance))
                    for row, distance in zip(answers.tolist(), distances, strict=True)
                ],
            )
            for query, label, answers, distances in zip(
                asked, data.labels(asked), found.answers, found.distances, strict=True
            )
        ]
        draw_retrieval(path, rows, f"{name} on painted pictures, which it never saw")


def _named(data: Generated, names: tuple[str, ...]) -> list[tuple[str, Path]]:
    return list(zip(names, data.paths(names), strict=True))


def _one_of_each_class(data: Generated, count: int) -> tuple[str, ...]:
    """The first query of each of some classes that are spread over all."""
    labels = data.labels(data.split.queries)
    _, first = np.unique(labels, return_index=True)
    chosen = np.linspace(0, len(first) - 1, count).round().astype(int)
    return tuple(data.split.queries[first[i]] for i in chosen)
