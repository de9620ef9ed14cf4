"""What folders say: every run in them, and every cell of a sweep that never became one."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dlheir.comparison.record import Comparison, is_comparison, read_comparison
from dlheir.errors import InputError
from dlheir.locks import held_by
from dlheir.report.settings import BITS, IMAGE_SIZE, MODEL, SEED, Settings, changed, settings_of
from dlheir.results import read_results
from dlheir.runs import RunFolder
from dlheir.sweep.attempts import Attempt, read_attempts
from dlheir.sweep.ledger import UNHARMED, PlannedCell, State, read_plan

# A run's name. Folders of runs that were set aside end otherwise, and are left out.
_RUN_ID = re.compile(r"(.+)-(\d+)b-(\d+)px-s(\d+)-[0-9a-f]{8}", re.ASCII)
# Of results.json, what two copies of a run have in common, wherever they were made.
_FOUND = ("precision", "expected_precision", "precision_ceiling", "expected_map", "map", "split")
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Cell:
    """One run, or a place in a grid where a run should be.

    Attributes:
        run_id: Its name; a refused cell's is no run's.
        state: How it stands, as far as its files tell.
        detail: Why it is not done, in a line; may be empty.
        settings: What decides its result, as far as it is known.
        results: What `results.json` holds, of a cell that is done.
        folder: The run's folder, where there is one.
    """

    run_id: str
    state: State
    detail: str
    settings: Settings
    results: dict[str, Any] | None = None
    folder: RunFolder | None = None

    @property
    def why(self) -> str:
        """State and detail in a line."""
        state = "missing" if self.state is State.NEW else str(self.state)
        return f"{state}: {self.detail}" if self.detail else state


@dataclass(frozen=True)
class Collected:
    """What some folders hold.

    Attributes:
        cells: All runs and cells without one, sorted by name.
        notes: What a reader should know about them.
        comparisons: Speeds of systems, in the order of folders.
    """

    cells: tuple[Cell, ...]
    notes: tuple[str, ...]
    comparisons: tuple[Comparison, ...] = ()

    @property
    def counts(self) -> str:
        """How many cells are in which state, and how many comparisons there are, in a line."""
        states = ("missing" if c.state is State.NEW else str(c.state) for c in self.cells)
        parts = [f"{count} {state}" for state, count in Counter(states).most_common()]
        count = len(self.comparisons)
        compared = [f"{count} comparison{'s' if count > 1 else ''}"] if count else []
        cells = [f"{len(self.cells)} cells: {', '.join(parts)}"] if self.cells else []
        return "; ".join(cells + compared)


def collect(folders: Sequence[Path]) -> Collected:
    """Read everything below some folders: folders of experiments, experiments or single runs.

    Comparisons of systems (`dlheir compare`) lie where runs do.

    Raises:
        InputError: A folder is missing or holds no runs, or a plan, a list of attempts or a
            comparison is damaged.
    """
    copies: dict[str, list[RunFolder]] = defaultdict(list)
    attempts: dict[str, list[Attempt]] = defaultdict(list)
    planned: list[PlannedCell] = []
    comparisons: dict[Path, Comparison] = {}
    for folder in dict.fromkeys(folder.resolve() for folder in folders):
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder; give a folder of runs")
        runs, plans, tried = _runs(folder), _json_files(folder, "sweeps"), _attempted(folder)
        found = {place: read_comparison(place) for place in _places(folder) if is_comparison(place)}
        if not (runs or plans or found):
            raise InputError(f"{folder}: no runs there; give a folder such as runs/EXPERIMENT")
        for run in runs:
            copies[run.run_id].append(run)
        for run in tried:
            attempts[run.run_id] += read_attempts(run)
        for path in plans:
            planned += read_plan(path).cells
        comparisons |= found
    read = {run_id: [_cell(r, attempts[run_id]) for r in runs] for run_id, runs in copies.items()}
    cells = {run_id: _done_first(alike)[0] for run_id, alike in read.items()}
    notes = [_disagreement(alike) for alike in read.values()]
    known = [(cell, cells[cell.id].settings) for cell in planned if cell.id in cells]
    for cell in planned:
        if cell.id not in cells:
            cells[cell.id] = _absent(cell, known, attempts[cell.id])
    return Collected(
        tuple(cells[name] for name in sorted(cells)),
        tuple(filter(None, notes)),
        tuple(comparisons.values()),
    )


def is_run(folder: Path) -> bool:
    """Whether a folder is a run's, by its name and content."""
    run = RunFolder(folder)
    return bool(_RUN_ID.fullmatch(folder.name)) and (run.begun or run.finished)


def _runs(folder: Path) -> list[RunFolder]:
    return [RunFolder(place) for place in _places(folder) if is_run(place)]


def _places(folder: Path) -> list[Path]:
    """Where runs and comparisons may lie."""
    return [folder, *sorted(folder.glob("*")), *sorted(folder.glob("*/*"))]


def _attempted(folder: Path) -> list[RunFolder]:
    """Runs, begun or not, that a sweep has written attempts about."""
    if is_run(folder):
        return [RunFolder(folder)]
    files = _json_files(folder, "attempts")
    return [RunFolder(file.parent.parent / file.stem) for file in files]


def _json_files(folder: Path, kind: str) -> list[Path]:
    """A sweep's files in an experiment's folder or in those of several experiments."""
    return sorted([*folder.glob(f"{kind}/*.json"), *folder.glob(f"*/{kind}/*.json")])


def _done_first(copies: Sequence[Cell]) -> list[Cell]:
    return sorted(copies, key=lambda cell: cell.state is not State.DONE)


def _disagreement(copies: Sequence[Cell]) -> str:
    """Say where copies of a run have different results; empty where they agree."""
    found = [(cell.run_id, cell.folder, cell.results) for cell in copies if cell.results]
    if all([r[key] for key in _FOUND] == [found[0][2][key] for key in _FOUND] for *_, r in found):
        return ""
    places = ", ".join(str(folder.path.parent) for _, folder, _ in found if folder)
    return f"{found[0][0]} has different results in {places}; the first one counts"


def _cell(run: RunFolder, attempts: Sequence[Attempt]) -> Cell:
    """Read one run's folder."""
    try:
        settings = settings_of(yaml.load(run.config.read_text(encoding="utf-8"), Loader=_Loader))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, yaml.YAMLError):
        settings, damaged = {}, f"{run.config.name} cannot be read"
    else:
        damaged = ""
    settings = _placed(settings, run.run_id)
    if not run.finished:
        holder = held_by(run.lock)
        state, detail = (State.RUNNING, f"process {holder}") if holder else _unfinished(attempts)
        return Cell(run.run_id, state, detail or damaged, settings, folder=run)
    try:
        results = read_results(run.results)
    except InputError:
        damaged = damaged or f"{run.results.name} is not whole"
    if damaged:
        return Cell(run.run_id, State.DAMAGED, damaged, settings, folder=run)
    return Cell(run.run_id, State.DONE, "", settings, results, run)


def _absent(
    cell: PlannedCell,
    known: Iterable[tuple[PlannedCell, Settings]],
    attempts: Sequence[Attempt],
) -> Cell:
    """Return a cell of a plan that has no run, with the settings that its run would have."""
    near = min(known, key=lambda other: _distance(cell, other[0]), default=None)
    settings = _placed(changed(near[1] if near else {}, cell.combination), cell.id)
    if cell.refused is not None:
        return Cell(cell.id, State.REFUSED, cell.refused, settings)
    state, detail = _unfinished(attempts) if attempts else (State.NEW, "")
    return Cell(cell.id, state, detail, settings)


def _distance(some: PlannedCell, other: PlannedCell) -> int:
    """How many parameters differ; a cell of another grid has other ones."""
    names = some.combination.keys() | other.combination.keys()
    return sum(some.combination.get(name) != other.combination.get(name) for name in names)


def _placed(settings: Settings, run_id: str) -> Settings:
    """Add what a run's name says; an image size in it is a number where settings say `max`.

    A model's name is the settings' own where they have one: `timm/NAME` stands as `timm-NAME` in a
    folder's name.
    """
    match = _RUN_ID.fullmatch(run_id)
    if match is None:
        return settings
    model, bits, image_size, seed = match.groups()
    given = str(settings.get(MODEL, model))
    return settings | {
        MODEL: given if given.replace("/", "-") == model else model,
        BITS: int(bits),
        IMAGE_SIZE: int(image_size),
        SEED: int(seed),
    }


def _unfinished(attempts: Sequence[Attempt]) -> tuple[State, str]:
    last = max(attempts, key=lambda attempt: attempt.began, default=None)
    if last is None or last.exit_code in UNHARMED:
        return State.INTERRUPTED, ""
    return State.FAILED, last.reason
