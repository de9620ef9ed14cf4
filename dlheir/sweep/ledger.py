"""The ledger of a sweep: how each cell stands, by what its run's folder really holds."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlheir.code_version import code_sha256
from dlheir.errors import InputError
from dlheir.files import sha256_of_file, write_json
from dlheir.locks import held_by, locked
from dlheir.results import read_results
from dlheir.runs import RunFolder, git_commit
from dlheir.sweep.attempts import read_attempts

if TYPE_CHECKING:
    from dlheir.sweep.cells import Cell
    from dlheir.sweep.grid import Sweep

PLAN_SCHEMA = 1
# Exit codes of attempts that nothing is wrong with: done, and interrupted by a person.
UNHARMED = {0, 130}


class State(StrEnum):
    """How a cell stands."""

    NEW = "new"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    REFUSED = "refused"
    STALE = "stale"
    DAMAGED = "damaged"
    DONE = "done"


@dataclass(frozen=True)
class Standing:
    """How a cell stands.

    Attributes:
        state: In one word.
        detail: Why, in one line; empty where there is nothing to say.
        results: Content of results.json where it is whole: of done and stale cells.
    """

    state: State
    detail: str = ""
    results: dict[str, Any] | None = None


@dataclass(frozen=True)
class PlannedCell:
    """A cell as its sweep's plan names it."""

    id: str
    number: int
    combination: dict[str, Any]
    arguments: tuple[str, ...]
    refused: str | None


@dataclass(frozen=True)
class Plan:
    """A sweep as it was planned last: `sweeps/<name>.json`."""

    name: str
    method: str
    varied: tuple[str, ...]
    cells: tuple[PlannedCell, ...]


def look(run: RunFolder) -> Standing:
    """Tell how a run stands.

    It is done when its results are whole, the checkpoint that they are of is the one in the
    folder, and today's code made them; that the folder is there says nothing.
    """
    holder = held_by(run.lock)
    if holder is not None:
        return Standing(State.RUNNING, f"process {holder}")
    if run.finished:
        return _finished(run)
    attempts = read_attempts(run)
    if attempts and attempts[-1].exit_code not in UNHARMED:
        return Standing(State.FAILED, attempts[-1].reason)
    return Standing(State.INTERRUPTED if run.begun else State.NEW)


def set_aside(run: RunFolder) -> Path | None:
    """Move a stale or damaged run's folder to `<run id>.stale-<n>` or `<run id>.damaged-<n>`.

    Returns:
        Where it lies now; None where it is neither, and stays.

    Raises:
        InputError: A process is at work in it.
    """
    if not run.finished:
        return None
    with locked(run.lock):
        state = _finished(run).state
        if state is State.DONE:
            return None
        names = (f"{run.run_id}.{state}-{number}" for number in itertools.count(1))
        places = (run.path.with_name(name) for name in names)
        place = next(place for place in places if not place.exists())
        run.path.rename(place)
        RunFolder(place).lock.unlink()
        return place


def write_plan(experiment: Path, sweep: "Sweep", cells: Sequence["Cell"]) -> Path:
    """Write down which cells a sweep has, in `<experiment>/sweeps/<name>.json`.

    Args:
        experiment: Folder of the sweep's runs.
        sweep: What its file says.
        cells: All of its cells, refused ones too.

    Returns:
        The file.
    """
    path = experiment / "sweeps" / f"{sweep.name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    planned = [
        PlannedCell(cell.id, cell.number, cell.combination, cell.arguments, cell.refused)
        for cell in cells
    ]
    plan = Plan(sweep.name, sweep.method, sweep.varied, tuple(planned))
    write_json(path, {"schema": PLAN_SCHEMA, **asdict(plan)})
    return path


def read_plan(path: Path) -> Plan:
    """Read a plan back.

    Raises:
        InputError: It is missing or damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("schema") != PLAN_SCHEMA:
            raise ValueError("schema")
        cells = tuple(
            PlannedCell(**{**cell, "arguments": tuple(cell["arguments"])})
            for cell in content["cells"]
        )
        return Plan(**{**content, "varied": tuple(content["varied"]), "cells": cells})
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such plan; dlheir sweep writes it") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not a sweep's whole plan; remove it") from error


def _finished(run: RunFolder) -> Standing:
    """Tell whether what a run left is whole, and by which code it was made."""
    try:
        results = read_results(run.results)
    except InputError as error:
        return Standing(State.DAMAGED, str(error))
    if results["run_id"] != run.run_id:
        return Standing(State.DAMAGED, f"{run.results} is of {results['run_id']}")
    tested = run.path / results["tested_checkpoint"]["path"]
    if not tested.is_file():
        return Standing(State.DAMAGED, f"{tested} is missing")
    if sha256_of_file(tested) != results["tested_checkpoint"]["sha256"]:
        return Standing(State.DAMAGED, f"{tested} is not the checkpoint of its results")
    if results["code_sha256"] != code_sha256():
        made, now = (commit or "unknown" for commit in (results["git_commit"], git_commit()))
        return Standing(State.STALE, f"made by other code: commit {made}, now {now}", results)
    return Standing(State.DONE, results=results)
