"""What makes the runs of one table hard to compare."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from dlheir.report.groups import Row

_NAMED = 3  # of those that differ, so many are named
_DIGITS = 8  # of a hash


def disagreements(rows: Sequence[Row]) -> tuple[str, ...]:
    """Say in which versions of code and libraries, and in which splits, counted runs differ."""
    found = [results for row in rows for results in row.results]
    packages = dict.fromkeys(name for results in found for name in results["versions"])
    lines = [_different("code", found, lambda results: results["code_sha256"][:_DIGITS])]
    if lines[0]:  # commits to documents change no code
        lines.append(
            _different("git commit", found, lambda results: short_commit(results["git_commit"]))
        )
    lines += [_different(name, found, partial(_version, name)) for name in packages]
    return tuple(line for line in (*lines, *_splits(rows)) if line)


def _different(
    what: str, found: Sequence[dict[str, Any]], of: Callable[[dict[str, Any]], Any]
) -> str:
    runs: dict[str, list[str]] = defaultdict(list)
    for results in found:
        runs[str(of(results))].append(results["run_id"])
    if len(runs) < 2:
        return ""
    most_first = sorted(runs.items(), key=lambda item: -len(item[1]))
    parts = [f"{value} ({_named(ids)})" for value, ids in most_first]
    return f"Not all by the same {what}: {', '.join(parts)}."


def _named(ids: Sequence[str]) -> str:
    return ", ".join(ids) if len(ids) <= _NAMED else f"{len(ids)} runs"


def _splits(rows: Sequence[Row]) -> list[str]:
    """Rows of equal settings and size have, for the same seed, the same pictures in each part."""
    splits: dict[tuple[Any, ...], set[str]] = defaultdict(set)
    for row in rows:
        own = {k: v for k, v in row.settings.items() if k.startswith("data.")}
        for results in row.results:
            splits[(*map(str, sorted(own.items())), results["seed"])].add(
                results["split"]["sha256"]
            )
    seeds = sorted({where[-1] for where, found in splits.items() if len(found) > 1})
    return [f"Different pictures or splits with seed {seed}." for seed in seeds]


def _version(package: str, results: dict[str, Any]) -> str | None:
    version: str | None = results["versions"].get(package)
    return version


def short_commit(commit: str | None) -> str:
    """Write a commit as people do."""
    if commit is None:
        return "unknown"
    return commit[:_DIGITS] + ("-dirty" if commit.endswith("-dirty") else "")
