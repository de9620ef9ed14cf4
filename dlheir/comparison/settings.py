"""What is compared: the YAML files of `dlheir compare`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from dlheir.errors import InputError

Measure = Literal["search", "features", "index", "trapdoor"]
MEASURES: tuple[Measure, ...] = get_args(Measure)
NETWORK = "network"
_KEYS = {"experiment", "measure", "pictures", "k", "queries", "repeats", "systems"}


@dataclass(frozen=True)
class SystemSettings:
    """A system to compare.

    Attributes:
        name: A baseline's, or `NETWORK`.
        options: A baseline's; of a network `network`, a checkpoint, or a model's name with `bits`
            and `image_size` for random weights.
        title: What tables call it; null takes its own.
    """

    name: str
    options: Mapping[str, Any]
    title: str | None = None

    @property
    def called(self) -> str:
        """What `--systems` calls it: the baseline, or the network."""
        return str(self.options[NETWORK]) if self.name == NETWORK else self.name


@dataclass(frozen=True)
class Settings:
    """A whole comparison.

    Attributes:
        experiment: Folder of comparisons that belong together.
        measure: What is timed.
        pictures: Sizes of the collection, ascending.
        k: Answers to a query.
        queries: How many query pictures are asked with, one at a time.
        repeats: How often what is not done per query is done.
        systems: At least one.
    """

    experiment: str
    measure: Measure
    pictures: tuple[int, ...]
    k: int
    queries: int
    repeats: int
    systems: tuple[SystemSettings, ...]

    def narrowed(self, pictures: Sequence[int] | None, systems: Sequence[str] | None) -> "Settings":
        """The same with other sizes, and with some of its systems only.

        Raises:
            InputError: A size is not allowed, or there is no such system.
        """
        kept = self.systems
        if systems:
            there = list(dict.fromkeys(system.called for system in kept))
            for name in systems:
                if name not in there:
                    raise InputError(
                        f"--systems {name}: not compared; there are {', '.join(there)}"
                    )
            kept = tuple(system for system in kept if system.called in systems)
        sizes = _sizes(pictures, "--pictures") if pictures else self.pictures
        return replace(self, pictures=sizes, systems=kept)


def read_settings(path: Path) -> Settings:
    """Read the file of a comparison.

    Raises:
        InputError: Something in it is missing, unknown or not allowed.
    """
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    for key in content:
        if key not in _KEYS:
            raise InputError(f"{path}: unknown {key!r}; there are {', '.join(sorted(_KEYS))}")
    for key in sorted(_KEYS):
        if key not in content:
            raise InputError(f"{path}: {key!r} is missing; give it a value")
    experiment = content["experiment"]
    if not isinstance(experiment, str) or not experiment or Path(experiment).name != experiment:
        raise InputError(f"{path}: experiment is {experiment!r}; give a folder's name")
    if content["measure"] not in MEASURES:
        raise InputError(
            f"{path}: measure is {content['measure']!r}; expected one of {', '.join(MEASURES)}"
        )
    systems = content["systems"]
    if not isinstance(systems, list) or not systems:
        raise InputError(f"{path}: systems is {systems!r}; give a list of at least one")
    return Settings(
        experiment,
        content["measure"],
        _sizes(content["pictures"], f"{path}: pictures"),
        _count(content["k"], f"{path}: k"),
        _count(content["queries"], f"{path}: queries"),
        _count(content["repeats"], f"{path}: repeats"),
        tuple(_system(path, system) for system in systems),
    )


def _system(path: Path, given: Any) -> SystemSettings:
    """Read one of the systems; whoever makes it checks its options."""
    if not isinstance(given, dict) or ("name" in given) == (NETWORK in given):
        raise InputError(
            f"{path}: system {given!r}; give `name: BASELINE` or `network: CHECKPOINT`, and options"
        )
    options = dict(given)
    name, title = options.pop("name", NETWORK), options.pop("title", None)
    return SystemSettings(str(name), options, None if title is None else str(title))


def _sizes(given: Any, what: str) -> tuple[int, ...]:
    if not isinstance(given, list) or not given:
        raise InputError(f"{what} is {given!r}; give numbers of pictures")
    return tuple(sorted({_count(size, what) for size in given}))


def _count(given: Any, what: str) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or given < 1:
        raise InputError(f"{what} is {given!r}; give whole numbers of at least 1")
    return given
