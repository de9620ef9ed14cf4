"""The paper's system played through once, each of its six functions timed (section 3.2)."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dlheir.console import counter, progress
from dlheir.store.errors import EnvelopeError
from dlheir.store.keys import generate_key
from dlheir.store.owner import DataOwner
from dlheir.store.server import CloudServer
from dlheir.store.user import QueryUser


@dataclass(frozen=True)
class Simulation:
    """What came out of one simulation.

    Attributes:
        picture_ids: id of each database picture, in the order in which they were given.
        answers: (Q, k) the database pictures served, as rows of that order.
        distances: (Q, k) their Hamming distances.
        opened: number of different pictures that the user opened, all equal to the originals.
        shown: the first answers to some queries, sealed and opened, by row.
        seconds: duration of each of the paper's functions that runs here, and of the upload.
        plain_bytes: size of all picture files.
        sealed_bytes: size of all sealed pictures.
    """

    picture_ids: list[bytes]
    answers: NDArray[np.int64]
    distances: NDArray[np.int32]
    opened: int
    shown: dict[int, "Shown"]
    seconds: dict[str, float]
    plain_bytes: int
    sealed_bytes: int

    @property
    def ranking_order(self) -> NDArray[np.int64]:
        """Rows of the database in the order in which the store ranks ties: by picture id."""
        return np.array(sorted(range(len(self.picture_ids)), key=self.picture_ids.__getitem__))


@dataclass(frozen=True)
class Shown:
    """One answer as the server sees it and as the user does."""

    envelope: bytes
    plain: bytes


@dataclass
class _Clock:
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def measure(self, function: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[function] = self.seconds.get(function, 0.0) + time.perf_counter() - began


def simulate(
    store: Path,
    pictures: Sequence[Path],
    codes: NDArray[np.uint8],
    query_codes: NDArray[np.uint8],
    *,
    k: int,
    seed: int,
    shown: Sequence[int] = (),
    answers_shown: int = 0,
) -> Simulation:
    """Seal and upload a database, search it, open the answers and hold them to the originals.

    The key and the nonces are fresh. The picture ids, which decide among ties, are drawn by seed
    so that a repeated experiment serves the same order; a real owner lets the system draw them.

    Args:
        store: the server's file; it must not exist.
        pictures: N picture files.
        codes: (N, bits) in {0, 1}, their codes.
        query_codes: (Q, bits) in {0, 1}, the queries' codes.
        k: answers a query.
        seed: draws picture ids and the order of uploads.
        shown: queries whose first answers are kept in `Simulation.shown`.
        answers_shown: how many first answers of each.

    Returns:
        What was served and how long it took.

    Raises:
        StoreError: the store cannot be written.
        EnvelopeError: an opened picture does not equal its original.
    """
    clock = _Clock()
    with clock.measure("KeyGen"):
        key = generate_key()
    owner, user = DataOwner(key, np.random.default_rng(seed)), QueryUser(key)
    with CloudServer.create(store, codes.shape[1]) as server:
        with counter("Sealing pictures", len(pictures)) as advance:
            upload = owner.upload(server, pictures, codes, progress=advance)
        clock.seconds |= {"EncImg": upload.sealing_seconds, "upload": upload.upload_seconds}
        row_of = {picture_id: row for row, picture_id in enumerate(upload.ids)}
        trapdoors = user.trapdoor(query_codes)
        with clock.measure("Search"):
            ids, distances = server.search(trapdoors, k)
        answers = np.array([[row_of[i] for i in answer] for answer in ids], dtype=np.int64)
        kept = set(answers[list(shown), :answers_shown].flat)
        looks: dict[int, Shown] = {}
        wanted = np.unique(answers)
        opened = user.open_answers(server, (upload.ids[row] for row in wanted))
        for row in progress(wanted, "Opening answers"):
            with clock.measure("Dec"):
                picture_id, plain = next(opened)
            if plain != pictures[row].read_bytes():
                raise EnvelopeError(f"{pictures[row]}: what was opened is another picture")
            if row in kept:
                looks[int(row)] = Shown(next(server.get([picture_id])), plain)
    return Simulation(
        upload.ids,
        answers,
        distances,
        len(wanted),
        looks,
        clock.seconds,
        upload.plain_bytes,
        upload.sealed_bytes,
    )
