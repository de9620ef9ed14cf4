"""What results were measured on: data set, protocol, and how many pictures stood where."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, NamedTuple

from dlheir.report.reading import Cell
from dlheir.report.settings import BITS, IMAGE_SIZE, PROTOCOL, SEED, Settings, key_of, shown

# Where seeds draw classes and not pictures, the number of pictures differs with the classes' sizes.
_DRAWS_CLASSES = "unseen_classes"


class Count(NamedTuple):
    """A number of pictures, which may differ between seeds."""

    lowest: int = 0
    highest: int = 0

    def __str__(self) -> str:
        parts = dict.fromkeys(f"{count:,}" for count in self)
        return " to ".join(parts)


class DataSet(NamedTuple):
    """What a result was measured on; results of different ones never share a table."""

    name: str
    protocol: str = ""
    classes: int = 0
    trained_classes: int = 0
    pictures: int = 0
    database: Count = Count()
    queries: Count = Count()

    @property
    def heading(self) -> str:
        """Data set and protocol: no figure stands without them."""
        return f"{self.name}, protocol {self.protocol}" if self.protocol else self.name

    def __str__(self) -> str:
        if not self.pictures:
            return self.heading
        trained = (
            "" if self.trained_classes == self.classes else f" ({self.trained_classes} trained)"
        )
        return (
            f"{self.name}: {self.pictures:,} pictures of {self.classes} classes{trained}, "
            f"{self.queries} queries against {self.database}, protocol {self.protocol}"
        )


def data_sets_of(cells: Iterable[Cell]) -> dict[str, DataSet]:
    """The data set of each cell; one without results has that of its like, or the same name."""
    alike: dict[Hashable, list[Cell]] = defaultdict(list)
    unknown = []
    for cell in cells:
        if cell.results is None:
            unknown.append(cell)
        else:
            alike[_measured_on(cell.settings, cell.results)].append(cell)
    known: dict[Hashable, DataSet] = {}
    found = {}
    for same in alike.values():
        data = _data_set(same)
        for cell in same:
            found[cell.run_id] = data
            for like in _likes(cell):
                known.setdefault(like, data)
    for cell in unknown:
        likes = [known[like] for like in _likes(cell) if like in known]
        found[cell.run_id] = (likes or [_named(cell)])[0]
    return found


def _measured_on(settings: Settings, results: dict[str, Any]) -> Hashable:
    data, counts, protocol = results["data"], results["split"]["counts"], results["protocol"]
    drawn = () if protocol == _DRAWS_CLASSES else (counts["database"], counts["queries"])
    sizes = (data["classes"], data["trained_classes"], data["pictures"])
    return shown(settings.get("data", data["name"])), protocol, *sizes, *drawn


def _data_set(cells: Sequence[Cell]) -> DataSet:
    """The data set that cells with results have in common."""
    found = [cell.results for cell in cells if cell.results]
    data, settings = found[0]["data"], cells[0].settings
    sides = {
        side: [results["split"]["counts"][side] for results in found]
        for side in ("database", "queries")
    }
    return DataSet(
        shown(settings.get("data", data["name"])),
        found[0]["protocol"],
        data["classes"],
        data["trained_classes"],
        data["pictures"],
        **{side: Count(min(counts), max(counts)) for side, counts in sides.items()},
    )


def _named(cell: Cell) -> DataSet:
    """What settings alone say."""
    name, protocol = cell.settings.get("data", "unknown data"), cell.settings.get(PROTOCOL, "")
    return DataSet(shown(name), shown(protocol))


def _likes(cell: Cell) -> tuple[Hashable, Hashable]:
    alike = key_of(cell.settings, {BITS, IMAGE_SIZE, SEED})
    return alike, (cell.settings.get("data"), cell.settings.get(PROTOCOL))
