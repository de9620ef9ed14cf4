"""Cells that belong in one table, and the seeds that make one row of it."""

import statistics
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from dlheir.report.datasets import DataSet, data_sets_of
from dlheir.report.reading import Cell
from dlheir.report.settings import (
    BITS,
    IMAGE_SIZE,
    MODEL,
    SEED,
    Settings,
    described,
    differing,
    key_of,
    shown,
)
from dlheir.sweep.ledger import State


class Summary(NamedTuple):
    """Mean and sample standard deviation over seeds; one seed has no deviation."""

    mean: float
    std: float | None


@dataclass(frozen=True, eq=False)
class Row:
    """Cells that differ in nothing but their seed.

    Attributes:
        settings: What decides their results, less the seed.
        data: What they were measured on.
        done: Those with results, one a seed, in the order of seeds.
        others: Those without results, and second runs with a seed.
    """

    settings: Settings
    data: DataSet
    done: tuple[Cell, ...]
    others: tuple[Cell, ...]

    @property
    def model(self) -> str:
        """The network's name."""
        return str(self.settings[MODEL])

    @property
    def bits(self) -> Any:
        """Code length; of a refused cell whatever its grid says."""
        return self.settings[BITS]

    @property
    def image_size(self) -> Any:
        """Side of the pictures in pixels; of a refused cell whatever its grid says."""
        return self.settings[IMAGE_SIZE]

    @property
    def results(self) -> list[dict[str, Any]]:
        """What the runs found."""
        return [cell.results for cell in self.done if cell.results]

    @property
    def ks(self) -> list[int]:
        """Numbers of answers that any of the runs counted in."""
        return sorted({int(k) for results in self.results for k in results["precision"]})

    @property
    def missing(self) -> str:
        """What became of the cells without results, in a line; empty where there are none."""
        seeds: dict[str, list[str]] = defaultdict(list)
        for cell in self.others:
            seeds[_why(cell)].append(shown(cell.settings.get(SEED)))
        return "; ".join(
            f"{'seeds' if len(of) > 1 else 'seed'} {', '.join(of)} {why}"
            for why, of in seeds.items()
        )

    @property
    def planned(self) -> int:
        """How many seeds there should be."""
        return len({shown(cell.settings.get(SEED)) for cell in (*self.done, *self.others)})

    @property
    def mean_average_precision(self) -> Summary | None:
        """Expected mean average precision over the seeds, in per cent."""
        return _summary([results["expected_map"] for results in self.results])

    def summary(self, kind: str, k: int | str) -> Summary | None:
        """Sum up a figure over the seeds, in per cent; None where no run has it.

        Args:
            kind: `precision`, `expected_precision`, `precision_ceiling`, `map` or
                `hamming_radius_2`.
            k: Number of answers, or the name that the figure has there.
        """
        found = [results[kind].get(str(k)) for results in self.results]
        return _summary([share for share in found if share is not None])

    def curve(self, kind: str) -> list[float]:
        """Means over the seeds by Hamming radius, in per cent.

        Args:
            kind: `precision` or `recall`.
        """
        curves = [results["precision_recall"][kind] for results in self.results]
        return [100 * statistics.fmean(shares) for shares in zip(*curves, strict=True)]

    def complexity(self, name: str) -> float:
        """What the network costs, from any of the runs, of which there is one at least."""
        return float(self.results[0]["complexity"][name])


@dataclass(frozen=True)
class Group:
    """Rows that differ in nothing but image size and bits.

    Attributes:
        rows: Larger pictures first, as in the paper, then by bits.
        label: What tells it from other groups of the same network on the same data; may be empty.
    """

    rows: tuple[Row, ...]
    label: str = ""

    @property
    def model(self) -> str:
        """The network's name."""
        return self.rows[0].model

    @property
    def data(self) -> DataSet:
        """What it was measured on."""
        return self.rows[0].data

    @property
    def title(self) -> str:
        """Network, data set and what is special."""
        name = f"{self.model} on {self.data.heading}"
        return f"{name}, {self.label}" if self.label else name


def rows_of(cells: Sequence[Cell]) -> list[Row]:
    """Bring the seeds of each setting together; cells whose place is not known are left out."""
    placed = [cell for cell in cells if {MODEL, BITS, IMAGE_SIZE} <= cell.settings.keys()]
    data_sets = data_sets_of(placed)
    seeds: dict[Hashable, list[Cell]] = defaultdict(list)
    for cell in placed:
        seeds[key_of(cell.settings, {SEED}), data_sets[cell.run_id]].append(cell)
    return [_row(alike, data_sets[alike[0].run_id]) for alike in seeds.values()]


def groups_of(rows: Sequence[Row]) -> list[Group]:
    """Bring sizes and bits of each setting together, the largest group of a data set first."""
    alike: dict[Hashable, list[Row]] = defaultdict(list)
    for row in rows:
        alike[key_of(row.settings, {BITS, IMAGE_SIZE}), row.data].append(row)
    plain = [Group(tuple(sorted(group, key=place))) for group in alike.values()]
    labelled = [Group(group.rows, _label(group, plain)) for group in plain]
    return sorted(labelled, key=lambda group: (group.data, -len(group.rows), group.title))


def _summary(shares: Sequence[float]) -> Summary | None:
    if not shares:
        return None
    values = [100 * share for share in shares]
    return Summary(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None)


def _row(cells: Sequence[Cell], data: DataSet) -> Row:
    ordered = sorted(cells, key=lambda cell: (str(cell.settings.get(SEED)), cell.run_id))
    done: dict[Any, Cell] = {}
    for cell in ordered:
        if cell.state is State.DONE:
            done.setdefault(cell.settings.get(SEED), cell)
    settings = {key: value for key, value in cells[0].settings.items() if key != SEED}
    counted = tuple(done.values())
    return Row(settings, data, counted, tuple(cell for cell in ordered if cell not in counted))


def _why(cell: Cell) -> str:
    return f"again: {cell.run_id} is not counted" if cell.state is State.DONE else cell.why


def place(row: Row) -> tuple[float, float]:
    """Where a row stands: larger pictures first, as in the paper, then by bits."""
    sizes = [value if isinstance(value, int) else 0 for value in (row.image_size, row.bits)]
    return -sizes[0], sizes[1]


def _label(group: Group, groups: Sequence[Group]) -> str:
    """What tells a group from others of its network on its data."""
    others = [o for o in groups if (o.model, o.data) == (group.model, group.data)]
    keys = differing([o.rows[0].settings for o in others])
    return described(group.rows[0].settings, [k for k in keys if k not in {BITS, IMAGE_SIZE}])
