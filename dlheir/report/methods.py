"""Hashing methods of a leaderboard: rows of one objective and one set of options, by bits."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from dlheir.report.datasets import DataSet
from dlheir.report.groups import Row
from dlheir.report.settings import (
    BITS,
    IMAGE_SIZE,
    MODEL,
    OBJECTIVE,
    PROTOCOL,
    SEED,
    Settings,
    key_of,
    rank,
    shown,
)

ITQ = "itq"
# Solved or drawn, not trained by gradient steps: what a trained objective has to beat.
UNTRAINED = frozenset({"random_projection", ITQ, "predicted_class"})
# Chosen for each objective on a validation part, so that it describes a method.
_CHOSEN = "model.learning_rate"
# What only training uses, beside the trainer.
_OF_TRAINING = frozenset(
    {
        _CHOSEN,
        "model.backbone_lr_scale",
        "model.momentum",
        "model.nesterov",
        "model.schedule",
        "model.warmup_epochs",
        "model.weight_decay",
        "data.batch_size",
    }
)
# The trainer's settings that are part of a budget; most others say nothing to a reader.
_BUDGET_OF_TRAINER = ("trainer.max_epochs", "trainer.max_steps", "trainer.precision")


@dataclass(frozen=True, eq=False)
class Method:
    """What makes codes: an objective with its options, at several code lengths.

    Attributes:
        objective: Its name.
        options: What else tells it from others of the same board; may be empty.
        rows: Its rows by bits.
    """

    objective: str
    options: str
    rows: dict[int, Row]

    @property
    def untrained(self) -> bool:
        """Whether it is a baseline without training."""
        return self.objective in UNTRAINED

    @property
    def name(self) -> str:
        """Its objective, marked where it is a baseline."""
        return f"{self.objective} (untrained)" if self.untrained else self.objective

    @property
    def network(self) -> Hashable:
        """What ITQ has to share to be its baseline: the features that codes are made of."""
        settings = next(iter(self.rows.values())).settings
        return settings.get(MODEL), settings.get(IMAGE_SIZE)


@dataclass(frozen=True)
class Board:
    """Methods that were measured on the same pictures under the same protocol.

    Attributes:
        data: Those pictures.
        methods: At least one of them has results.
        common: Settings that all of them share, which a reader wants to know.
    """

    data: DataSet
    methods: tuple[Method, ...]
    common: Settings

    @property
    def rows(self) -> list[Row]:
        """All rows."""
        return [row for method in self.methods for row in method.rows.values()]

    @property
    def bits(self) -> list[int]:
        """Code lengths of any method."""
        return sorted({bits for method in self.methods for bits in method.rows})

    @property
    def ks(self) -> list[int]:
        """Numbers of answers that any run counted in."""
        return sorted({k for row in self.rows for k in row.ks})

    @property
    def seeds(self) -> list[str]:
        """Seeds of any cell, with results or without."""
        cells = [cell for row in self.rows for cell in (*row.done, *row.others)]
        found = {shown(cell.settings.get(SEED)): cell.settings.get(SEED) for cell in cells}
        return sorted(found, key=lambda seed: rank(found[seed]))


def boards_of(rows: Iterable[Row]) -> list[Board]:
    """Sort rows by what they were measured on; pictures that no run has results on are left out."""
    by_data: dict[DataSet, list[Row]] = defaultdict(list)
    for row in rows:
        if isinstance(row.bits, int) and OBJECTIVE in row.settings:  # not of a refused cell
            by_data[row.data].append(row)
    return [
        _board(data, by_data[data])
        for data in sorted(by_data)
        if any(row.done for row in by_data[data])
    ]


def _board(data: DataSet, rows: Sequence[Row]) -> Board:
    same, differ = {}, []
    for key in dict.fromkeys(key for row in rows for key in row.settings):
        users = [row.settings for row in rows if _uses(row, key)]
        if len({shown(settings.get(key)) for settings in users}) > 1:
            differ.append(key)
        elif users and _is_telling(key, users[0].get(key)):
            same[key] = users[0][key]
    keys = sorted(set(differ) - {OBJECTIVE, BITS})
    return Board(data, tuple(_method(alike, keys) for alike in _by_method(rows)), same)


def _is_telling(key: str, value: Any) -> bool:
    """Whether a reader wants to know of a setting that all share; false and no limit are usual."""
    told = key.startswith(("model.", "data.")) or key in _BUDGET_OF_TRAINER
    return told and key not in {BITS, OBJECTIVE, PROTOCOL} and shown(value) not in {"false", "-1"}


def _by_method(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows that differ in bits alone, or in the learning rate that was chosen for each length."""
    found: list[list[Row]] = []
    for alike in _alike(rows, {BITS, _CHOSEN}):
        several = len({row.bits for row in alike}) < len(alike)
        found += _alike(alike, {BITS}) if several else [alike]
    return found


def _alike(rows: Sequence[Row], without: set[str]) -> list[list[Row]]:
    found: dict[Hashable, list[Row]] = defaultdict(list)
    for row in rows:
        found[key_of(_used(row), without)].append(row)
    return list(found.values())


def _method(rows: Sequence[Row], keys: Sequence[str]) -> Method:
    ordered = sorted(rows, key=lambda row: row.bits)
    values = {
        key: dict.fromkeys(shown(_used(row)[key]) for row in ordered if key in _used(row))
        for key in keys
    }
    options = ", ".join(_written(key, " / ".join(of)) for key, of in values.items() if of)
    return Method(
        shown(ordered[0].settings[OBJECTIVE]), options, {row.bits: row for row in ordered}
    )


def _used(row: Row) -> Settings:
    """A row's settings without those that its objective does not use."""
    return {key: value for key, value in row.settings.items() if _uses(row, key)}


def _is_trained(row: Row) -> bool:
    return row.settings.get(OBJECTIVE) not in UNTRAINED


def _uses(row: Row, key: str) -> bool:
    return _is_trained(row) or not (key in _OF_TRAINING or key.startswith("trainer."))


def _written(key: str, value: str) -> str:
    """An option in words: without its section, which a reader does not need."""
    units = {IMAGE_SIZE: "{} px", MODEL: "{}"}
    return units.get(key, f"{key.partition('.')[2]} {{}}").format(value)
