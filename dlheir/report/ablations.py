"""Settings that vary while all others stay: one ablation for each."""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from dlheir.report.datasets import DataSet
from dlheir.report.groups import Row, place
from dlheir.report.settings import (
    BITS,
    IMAGE_SIZE,
    Settings,
    described,
    differing,
    rank,
    shown,
)


@dataclass(frozen=True)
class Ablation:
    """Rows that differ in one setting, for each combination of the others.

    Attributes:
        axis: The setting.
        data: What all was measured on.
        context: Further settings, in which the series differ from each other.
        series: Rows that differ in the axis alone, by its value.
    """

    axis: str
    data: DataSet
    context: tuple[str, ...]
    series: tuple[tuple[Row, ...], ...]

    @property
    def rows(self) -> list[Row]:
        """All rows, series after series."""
        return [row for one in self.series for row in one]

    def value(self, row: Row) -> str:
        """The axis' value in a row."""
        return _value(row.settings, self.axis)

    def rank(self, row: Row) -> tuple[Any, ...]:
        """Where a row stands along the axis."""
        return _rank(row.settings, self.axis)


def ablations_of(rows: Sequence[Row]) -> list[Ablation]:
    """Find all settings but size and bits, which Table 1 varies, of which there are series."""
    by_data: dict[DataSet, list[Row]] = defaultdict(list)
    for row in rows:
        by_data[row.data].append(row)
    return [a for data in sorted(by_data) for a in _of_one_data_set(data, by_data[data])]


def _of_one_data_set(data: DataSet, rows: Sequence[Row]) -> list[Ablation]:
    keys = [k for k in differing([row.settings for row in rows]) if k not in {BITS, IMAGE_SIZE}]
    single = [_ablation(key, data, rows) for key in keys]
    # Dictionaries whose entries only vary together, such as `data.augmentation`.
    told = {ablation.axis.rpartition(".")[0] for ablation in single if ablation.series}
    wholes = dict.fromkeys(key.rpartition(".")[0] for key in keys if key.count(".") > 1)
    together = [_ablation(whole, data, rows) for whole in wholes if whole not in told]
    return [ablation for ablation in (*single, *together) if ablation.series]


def _ablation(axis: str, data: DataSet, rows: Sequence[Row]) -> Ablation:
    series: dict[Hashable, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=place):
        series[frozenset((k, shown(v)) for k, v in _others(row.settings, axis).items())].append(row)
    kept = [
        tuple(sorted(one, key=lambda row: _rank(row.settings, axis)))
        for one in series.values()
        if len(one) > 1
    ]
    context = differing([_others(one[0].settings, axis) for one in kept])
    # Size and bits come first, as in Table 1.
    context.sort(key=(IMAGE_SIZE, BITS, *context).index)
    return Ablation(axis, data, tuple(context), tuple(kept))


def _others(settings: Settings, axis: str) -> Settings:
    return {k: v for k, v in settings.items() if k != axis and not k.startswith(f"{axis}.")}


def _rank(settings: Settings, axis: str) -> tuple[Any, ...]:
    return (*rank(settings.get(axis)), _value(settings, axis))


def _value(settings: Settings, axis: str) -> str:
    inside = {
        k.removeprefix(f"{axis}."): v for k, v in settings.items() if k.startswith(f"{axis}.")
    }
    return described(inside, inside) if inside else shown(settings.get(axis))
