"""The systems of a comparison at work: what is measured of each, and where it is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlheir.baselines import System, get_system
from dlheir.comparison.extraction import Extracted, extract
from dlheir.comparison.network import NetworkSystem, has_random_weights, make_network
from dlheir.comparison.pictures import SEED, Pictures
from dlheir.comparison.record import What
from dlheir.comparison.settings import NETWORK, Settings, SystemSettings
from dlheir.comparison.timing import in_turns, load_seconds, summary
from dlheir.console import console, progress
from dlheir.errors import InputError
from dlheir.files import sha256_of

# Pictures that baselines learn from, a codebook say: the same whatever sizes are asked for.
LEARNED_FROM = 500
# By "any" or by the size of a collection.
Found = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Compared:
    """One system.

    Attributes:
        settings: What it was made from.
        system: Prepared.
        folder: Of its features.
    """

    settings: SystemSettings
    system: System[Any]
    folder: Path

    @property
    def title(self) -> str:
        """What tables call it."""
        return self.settings.title or self.system.title

    @property
    def entry(self) -> dict[str, Any]:
        """What the record says about it, but for durations."""
        bits = self.system.bits if isinstance(self.system, NetworkSystem) else None
        options = dict(self.settings.options)
        return {"name": self.settings.name, "options": options, "bits": bits}


def make_systems(settings: Settings, pictures: Pictures, folder: Path) -> list[Compared]:
    """Make and prepare the systems.

    Args:
        settings: Of the comparison.
        pictures: To learn from.
        folder: Of the comparison.

    Raises:
        InputError: There is no such system, an option is not allowed, two have one title, or one
            has no codes that could be searched.
    """
    made: dict[str, Compared] = {}
    learned = pictures.paths[:LEARNED_FROM]
    for system in settings.systems:
        compared = _make(system, folder, len(learned))
        if compared.title in made:
            raise InputError(f"two systems are called {compared.title!r}; give one a `title`")
        if settings.measure in {"index", "search"} and has_random_weights(system):
            raise InputError(
                f"{compared.title}: its codes are all alike, so their search says nothing; give a "
                "checkpoint"
            )
        made[compared.title] = compared
    for compared in made.values():
        compared.system.prepare(learned)
    return list(made.values())


def _make(system: SystemSettings, folder: Path, learned: int) -> Compared:
    if system.name == NETWORK:
        network = make_network(system, folder / "networks", SEED)
        return Compared(system, network, _place(folder, system.called, network.identity))
    try:
        baseline = get_system(system.name, seed=SEED, **system.options)
    except TypeError as error:
        raise InputError(f"baseline {system.name!r}: {error}") from error
    identity = sha256_of([dict(system.options), learned])
    return Compared(system, baseline, _place(folder, system.name, identity))


def _place(folder: Path, name: str, identity: str) -> Path:
    return folder / "features" / f"{Path(name).name}-{identity[:8]}"


class Measuring:
    """Measures some systems on the same pictures."""

    def __init__(self, settings: Settings, pictures: Pictures, systems: Sequence[Compared]) -> None:
        self._settings = settings
        self._pictures = pictures
        self._systems = systems
        self._extracted: list[Extracted] = []

    def measure(self) -> dict[What, list[Found]]:
        """Measure what is asked for, and what has to be done for it anyway.

        Returns:
            For each thing that was measured, the findings of the systems in their order.
        """
        if self._settings.measure == "trapdoor":
            return {"trapdoor": self._trapdoor()}
        found: dict[What, list[Found]] = {"features": self._features()}
        if self._settings.measure == "features":
            found["load"] = self._load()
        elif self._settings.measure == "index":
            found["index"] = self._index()
        else:
            found["search"] = self._search()
        return found

    def _features(self) -> list[Found]:
        sizes = self._settings.pictures
        self._extracted = [
            extract(compared.system, self._pictures.paths, sizes, compared.folder)
            for compared in self._systems
        ]
        return [
            {str(size): {"median": extracted.seconds_of(size)} for size in sizes}
            for extracted in self._extracted
        ]

    def _load(self) -> list[Found]:
        console.print("Loading each system in fresh processes")
        return [
            {"any": summary(load_seconds(compared.system, self._settings.repeats))}
            for compared in self._systems
        ]

    def _index(self) -> list[Found]:
        found: list[Found] = [{} for _ in self._systems]
        for size in progress(self._settings.pictures, "Building indexes"):
            calls = [
                lambda _, system=compared.system, features=extracted.features[:size]: system.index(
                    features
                )
                for compared, extracted in zip(self._systems, self._extracted, strict=True)
            ]
            for of_one, seconds in zip(found, in_turns(calls, self._settings.repeats), strict=True):
                of_one[str(size)] = summary(seconds)
        return found

    def _trapdoor(self) -> list[Found]:
        queries = self._pictures.queries
        console.print(f"Making trapdoors of {len(queries)} queries, one at a time")

        def call(system: System[Any], number: int) -> None:
            system.trapdoors(system.features([queries[number]]))

        calls = [
            lambda number, system=compared.system: call(system, number)
            for compared in self._systems
        ]
        return [{"any": summary(seconds)} for seconds in in_turns(calls, len(queries))]

    def _search(self) -> list[Found]:
        queries, k = self._pictures.queries, self._settings.k
        trapdoors = []
        for compared in self._systems:
            features = compared.system.features(queries)
            trapdoors.append(
                [compared.system.trapdoors(features[i : i + 1]) for i in range(len(queries))]
            )
        found: list[Found] = [{} for _ in self._systems]
        for size in progress(self._settings.pictures, "Searching"):
            indexes = [
                compared.system.index(extracted.features[:size])
                for compared, extracted in zip(self._systems, self._extracted, strict=True)
            ]
            calls = [
                lambda number, index=index, of=of: index.search(of[number % len(of)], k)
                for index, of in zip(indexes, trapdoors, strict=True)
            ]
            rounds = len(queries) * self._settings.repeats
            for of_one, seconds in zip(found, in_turns(calls, rounds), strict=True):
                of_one[str(size)] = summary(seconds)
        return found


def merged(
    before: Mapping[str, Mapping[str, Any]],
    systems: Sequence[Compared],
    found: Mapping[What, Sequence[Found]],
) -> dict[str, dict[str, Any]]:
    """Lay new findings over those that a folder holds.

    Args:
        before: Entries of the record by title.
        systems: What was measured.
        found: What `Measuring.measure` returned.

    Raises:
        InputError: Another system has a title already.
    """
    entries = {title: dict(entry) for title, entry in before.items()}
    for number, compared in enumerate(systems):
        entry = entries.setdefault(compared.title, {**compared.entry, "seconds": {}})
        if {key: entry[key] for key in compared.entry} != compared.entry:
            raise InputError(
                f"{compared.title!r} is another system in an earlier comparison on these pictures; "
                "give this one a `title`"
            )
        seconds = {what: dict(by_size) for what, by_size in entry["seconds"].items()}
        for what, findings in found.items():
            seconds[what] = seconds.get(what, {}) | findings[number]
        entry["seconds"] = seconds
    return entries
