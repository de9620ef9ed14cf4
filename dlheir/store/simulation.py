"""The paper's system played through once, each of its six functions timed (section 3.2)."""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from dlheir.console import counter, progress
from dlheir.store.errors import EnvelopeError
from dlheir.store.keys import OwnerKeys, new_policy
from dlheir.store.owner import DataOwner, Picture
from dlheir.store.policy import Mode
from dlheir.store.server import CloudServer
from dlheir.store.user import QueryUser

# Another system's search of the same pictures: takes the rows of the database in the order of
# picture ids, returns the rows of its answers (Q, k), negative where there is none.
OtherSearch = Callable[[NDArray[np.int64]], NDArray[np.int64]]


@dataclass(frozen=True)
class Simulation:
    """What came out of one simulation.

    Attributes:
        picture_ids: id of each database picture, in the order in which they were given.
        answers: (Q, k) the database pictures served, as rows of that order.
        distances: (Q, k) their Hamming distances.
        others: answers of other searches by name, as rows of the same order.
        opened: number of different pictures that the user opened, all equal to the originals;
            answers of other searches count.
        shown: the first answers to some queries, sealed and opened, by row.
        seconds: duration of each of the paper's functions that runs here, and of the upload.
        plain_bytes: size of all picture files.
        sealed_bytes: size of all sealed pictures.
    """

    picture_ids: list[bytes]
    answers: NDArray[np.int64]
    distances: NDArray[np.int32]
    others: dict[str, NDArray[np.int64]]
    opened: int
    shown: dict[int, "Shown"]
    seconds: dict[str, float]
    plain_bytes: int
    sealed_bytes: int

    @property
    def ranking_order(self) -> NDArray[np.int64]:
        """Rows of the database in the order in which the store ranks ties: by picture id."""
        return _by_id(self.picture_ids)


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
    pictures: Sequence[Picture],
    codes: NDArray[np.uint8],
    query_codes: NDArray[np.uint8],
    *,
    mode: Mode,
    k: int,
    seed: int,
    shown: Sequence[int] = (),
    answers_shown: int = 0,
    others: Mapping[str, OtherSearch] = MappingProxyType({}),
) -> Simulation:
    """Seal and upload a database, search it, open the answers and hold them to the originals.

    The keys are fresh but one: the naming key, and with it the picture ids, which decide among
    ties, come from the seed so that a repeated experiment serves the same order. A real owner's
    naming key is as secret as the others.

    Args:
        store: the server's file; it must not exist.
        pictures: N pictures.
        codes: (N, bits) in {0, 1}, their codes.
        query_codes: (Q, bits) in {0, 1}, the queries' codes.
        mode: how the codes are protected from the server.
        k: answers a query.
        seed: makes the picture ids.
        shown: queries whose first answers are kept in `Simulation.shown`.
        answers_shown: how many first answers of each.
        others: searches of other systems over the same sealed pictures, by name; what they answer
            is opened too, and not timed.

    Returns:
        What was served and how long it took.

    Raises:
        StoreError: the store cannot be written.
        EnvelopeError: an opened picture does not equal its original.
    """
    clock = _Clock()
    with clock.measure("KeyGen"):
        keys = OwnerKeys.generate().bind(new_policy(codes.shape[1], mode))
    keys = replace(keys, naming_key=hashlib.sha256(f"dlheir simulation {seed}".encode()).digest())
    with CloudServer.create(store, keys.policy, DataOwner.empty_root(keys)) as server:
        with counter("Sealing pictures", len(pictures)) as advance:
            upload = DataOwner(keys, server).upload(pictures, codes, progress=advance)
        clock.seconds |= {"EncImg": upload.sealing_seconds, "upload": upload.upload_seconds}
        row_of = {picture_id: row for row, picture_id in enumerate(upload.ids)}
        user = QueryUser(keys.access(), server, keys.seen)
        with clock.measure("Search"):
            ids, distances = user.search(query_codes, k)
        answers = np.array([[row_of[i] for i in answer] for answer in ids], dtype=np.int64)
        by_others = {name: search(_by_id(upload.ids)) for name, search in others.items()}
        kept = set(answers[list(shown), :answers_shown].flat)
        looks: dict[int, Shown] = {}
        wanted = np.unique(answers)
        further = np.setdiff1d([row for rows in by_others.values() for row in rows.flat], wanted)
        further = further[further >= 0].astype(np.int64)
        both = np.concatenate([wanted, further])
        opened = user.open_answers(upload.ids[row] for row in both)
        for place, row in enumerate(progress(both, "Opening answers")):
            with clock.measure("Dec") if place < len(wanted) else nullcontext():
                answer = next(opened)
            if answer.picture != pictures[row].read():
                raise EnvelopeError(f"{pictures[row].name}: what was opened is another picture")
            if row in kept:
                looks[int(row)] = Shown(answer.envelope, answer.picture)
    return Simulation(
        upload.ids,
        answers,
        distances,
        by_others,
        len(both),
        looks,
        clock.seconds,
        upload.plain_bytes,
        upload.sealed_bytes,
    )


def _by_id(ids: Sequence[bytes]) -> NDArray[np.int64]:
    return np.array(sorted(range(len(ids)), key=ids.__getitem__))
