"""What a comparison found, as its folder keeps it in comparison.json."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from dlheir.errors import InputError

FILE = "comparison.json"
SCHEMA = 1

What = Literal["load", "features", "index", "trapdoor", "search"]
WHATS: tuple[What, ...] = get_args(What)
# They do not depend on the size of the collection, and are measured once.
OF_NO_SIZE: frozenset[What] = frozenset({"load", "trapdoor"})


@dataclass(frozen=True)
class Comparison:
    """Durations of several systems on one machine and on the same pictures.

    Attributes:
        path: The folder.
        settings: Of what was measured last of each kind: by kind, `k`, `queries`, `repeats`.
        machine: CPU, cores, threads, memory, versions, git commit.
        data: `name`, and how many pictures were `real`, and how many of the largest collection
            were `painted`.
        entries: By a system's title, in order: `name`, `options`, `bits` and `seconds`.
    """

    path: Path
    settings: Mapping[str, Any]
    machine: Mapping[str, Any]
    data: Mapping[str, Any]
    entries: Mapping[str, Mapping[str, Any]]

    @property
    def systems(self) -> list[str]:
        """Titles, in order."""
        return list(self.entries)

    @property
    def pictures(self) -> list[int]:
        """Sizes of collections that anything was measured at, ascending."""
        measured = (
            by_size
            for entry in self.entries.values()
            for what, by_size in entry["seconds"].items()
            if what not in OF_NO_SIZE
        )
        return sorted({int(size) for by_size in measured for size in by_size})

    def seconds(self, system: str, what: What, pictures: int) -> float | None:
        """How long a system takes for something; None where it was not measured.

        Args:
            system: Its title.
            what: "load" reads the model or the codebook in a fresh process, once. "features"
                extracts them from all pictures of a collection, without loading. "index" protects
                them and lays them out. "trapdoor" is made of one query picture, its features
                included, without loading. "search" answers one query.
            pictures: Size of the collection; no matter for "load" and "trapdoor".

        Returns:
            The median.
        """
        found = self._found(system, what, pictures)
        return None if found is None else float(found["median"])

    def quartiles(self, system: str, what: What, pictures: int) -> tuple[float, float] | None:
        """The lower and the upper quartile beside `seconds`; None where there is one value."""
        found = self._found(system, what, pictures)
        return None if found is None or "quartiles" not in found else tuple(found["quartiles"])

    def _found(self, system: str, what: What, pictures: int) -> Mapping[str, Any] | None:
        of_system = self.entries[system]["seconds"].get(what, {}) if system in self.entries else {}
        found: Mapping[str, Any] | None = of_system.get(
            "any" if what in OF_NO_SIZE else str(pictures)
        )
        return found


def is_comparison(folder: Path) -> bool:
    """Whether a folder is a comparison's."""
    return (folder / FILE).is_file()


def read_comparison(folder: Path) -> Comparison:
    """Read what `dlheir compare` wrote.

    Raises:
        InputError: There is none, or it is damaged or of another version.
    """
    path = folder / FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] != SCHEMA:
            raise ValueError("another schema")
        entries = {entry["title"]: entry for entry in content["systems"]}
        comparison = Comparison(
            folder, content["settings"], content["machine"], content["data"], entries
        )
        _check(comparison)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; make it with dlheir compare") from error
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: not written by this version of dlheir compare; remove {folder} and compare "
            "again"
        ) from error
    return comparison


def to_json(comparison: Comparison) -> dict[str, Any]:
    """What `read_comparison` reads."""
    return {
        "schema": SCHEMA,
        "settings": dict(comparison.settings),
        "machine": dict(comparison.machine),
        "data": dict(comparison.data),
        "systems": [{**entry, "title": title} for title, entry in comparison.entries.items()],
    }


def _check(comparison: Comparison) -> None:
    """Read every value once, so that a damaged one is found here."""
    for title, entry in comparison.entries.items():
        if not {"name", "options", "bits"} <= entry.keys():
            raise ValueError("no system")
        for what, by_size in entry["seconds"].items():
            if what not in WHATS:
                raise ValueError("nothing that is measured")
            for size in by_size:
                comparison.seconds(title, what, 0 if size == "any" else int(size))
