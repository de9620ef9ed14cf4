"""The leaderboard: all hashing methods of some runs by code length, as Markdown and CSV.

Figures of different data sets or protocols never share a table.
"""

import csv
import io
from collections.abc import Sequence
from functools import partial
from operator import attrgetter
from pathlib import PurePath
from typing import Any

from dlheir.report.datasets import Count
from dlheir.report.groups import Row, Summary, rows_of
from dlheir.report.methods import Board, Method, boards_of
from dlheir.report.notes import disagreements, short_commit
from dlheir.report.reading import Collected
from dlheir.report.settings import IMAGE_SIZE, MODEL, SEED, described, shown
from dlheir.report.standings import NOTHING, Measure, Standings
from dlheir.report.table import Figure, Line, Table

# What each protocol's database is, in a sentence.
DATABASES = {
    "paper": "The database is the training set: the network has learnt the very pictures that it "
    "finds.",
    "disjoint": "The database shows the classes that the network was trained on, in pictures that "
    "it was not trained on.",
    "unseen_classes": "The database and the queries show classes that the network was never "
    "trained on.",
    "cifar10_54k": "The database is all pictures but the queries and the training pictures.",
    "cifar10_59k": "The database is all pictures but the queries; a twelfth of it was trained on.",
    "cifar10_50k": "The database is the training set, the official one of 50,000 pictures.",
}
WHOLE = "all"  # the depth of an mAP over the whole ranking
_INTRODUCTION = """\
Per cent, mean ± sample standard deviation over seeds, the best of each column in bold; *expected*
is the mean over all orders of ties. Untrained methods are baselines. *Reaches ITQ at* names the
code lengths at which a trained method's mean is at least that of ITQ on the same network. The
learning rate may have been chosen for each method. Figures of different sections do not compare.
"""


def to_markdown(collected: Collected, file_name: str) -> str:
    """Write the leaderboard as Markdown.

    Args:
        collected: Cells of all runs.
        file_name: What the file is called, for the command that writes it again.
    """
    # As people write them, wherever they lie on this machine.
    runs = [cell.folder.path.parts for cell in collected.cells if cell.folder]
    folders = " ".join(sorted({"/".join(parts[-3:-1]) for parts in runs}))
    lines = [
        "# Leaderboard",
        "",
        _INTRODUCTION,
        f"Of {collected.counts}, written from the runs' folders by",
        f"```sh\ndlheir report {folders} --leaderboard {file_name}\n```",
        "",
        f"![Expected precision over code length]({PurePath(file_name).stem}.png)",
        "",
        *(f"**{note}**\n" for note in collected.notes),
    ]
    for board in boards_of(rows_of(collected.cells)):
        lines += _section(board)
    return "\n".join(lines)


def to_csv(collected: Collected) -> str:
    """Write the same as CSV: a line for each data set, protocol, method and code length."""
    boards = boards_of(rows_of(collected.cells))
    found = [
        _csv_row(board, method, bits)
        for board in boards
        for method in _by_precision(board).best_first(board.bits)
        for bits in method.rows
    ]
    text = io.StringIO()
    names = dict.fromkeys(name for row in found for name in row)
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    return text.getvalue()


def _by_precision(board: Board) -> Standings:
    return Standings(board, partial(Row.summary, kind="expected_precision", k=min(board.ks)))


def _section(board: Board) -> list[str]:
    k, most = min(board.ks), max(row.bits for row in board.rows if row.done)
    ceilings = [_ceiling(board, bits, k) for bits in board.bits]
    by_map = Standings(board, attrgetter("mean_average_precision"))
    tables = (
        _by_bits(f"Expected P@{k}", _by_precision(board), ceilings),
        _by_bits("Expected mAP", by_map, ["100.00"] * len(board.bits)),
        _by_convention(board, most),
    )
    lacking = [
        f"- {' '.join((method.objective, method.options)).strip()}, {bits} bits: {why}"
        for method in board.methods
        for bits in board.bits
        for why in [_lacking(board, method, bits)]
        if why
    ]
    return [
        f"## {board.data.heading}",
        "",
        *_about(board),
        *(text for table in tables for text in (f"### {table.title}", "", table.to_markdown())),
        *(["What is missing:", *lacking, ""] if lacking else []),
    ]


def _about(board: Board) -> list[str]:
    """What all of a board's figures share, as a list."""
    data, common = board.data, board.common
    found = [results for row in board.rows for results in row.results]
    counts = [results["split"]["counts"] for results in found]
    trained, chosen = (
        Count(min(of[side] for of in counts), max(of[side] for of in counts))
        for side in ("training", "validation")
    )
    unseen = data.trained_classes < data.classes
    network = described(common, (MODEL, IMAGE_SIZE))
    budget = [
        f"{key} {shown(value)}" for key, value in common.items() if key not in {MODEL, IMAGE_SIZE}
    ]
    codes = sorted({results["code_sha256"][:8] for results in found})
    commits = sorted({short_commit(results["git_commit"]) for results in found})
    lines = [
        DATABASES[data.protocol],
        f"{data.queries} queries against {data.database} pictures; {trained} trained on, {chosen} "
        f"for validation; {data.pictures:,} pictures of {data.classes} classes in all"
        + (f", {data.trained_classes} of them trained on." if unseen else "."),
        f"Network: {network or 'as each method says'}.",
        f"The same for all that use it: {', '.join(budget)}.",
        f"Seeds {', '.join(board.seeds)}; code {', '.join(codes)}, commit {', '.join(commits)}.",
        "A run again: `dlheir fit --config EXPERIMENT/RUN_ID/config.yaml`; the CSV has run ids.",
        *(f"**{warning}**" for warning in disagreements(board.rows)),
    ]
    return [*(f"- {line}" for line in lines), ""]


def _by_bits(title: str, standings: Standings, ceilings: Sequence[str]) -> Table:
    """Set one figure out by method and code length, the best at the most bits first."""
    bits = standings.board.bits
    lines = [
        Line(
            (method.name, method.options, standings.reached(method), _seeds(method)),
            tuple(standings.figure(method, length) for length in bits),
        )
        for method in standings.best_first(bits)
    ]
    return Table(
        "",
        title,
        ("method", "options", "reaches ITQ at", "seeds"),
        tuple(f"{length} bits" for length in bits),
        (*lines, Line(("ceiling", "", "", ""), tuple(map(Figure, ceilings)))),
    )


def _by_convention(board: Board, bits: int) -> Table:
    """Set out what other papers report, at one code length."""
    measures: dict[str, Measure] = {
        f"mAP@{depth}": partial(Row.summary, kind="map", k=depth) for depth in _depths(board)
    }
    measures["P within radius 2"] = partial(Row.summary, kind="hamming_radius_2", k="precision")
    standings = [Standings(board, measure) for measure in measures.values()]
    whole = standings[list(measures).index(f"mAP@{WHOLE}")]
    lines = []
    for method in whole.best_first([bits]):
        if bits in method.rows and method.rows[bits].done:
            empty = method.rows[bits].summary("hamming_radius_2", "empty")
            figures = [one.figure(method, bits) for one in standings]
            share = Figure(f"{empty.mean:.2f}" if empty else NOTHING)
            lines.append(Line((method.name, method.options), (*figures, share)))
    return Table(
        "",
        f"By the field's conventions, {bits} bits",
        ("method", "options"),
        (*measures, "nothing within radius 2"),
        tuple(lines),
        "mAP@k is divided by the relevant pictures among the first k, ties in the store's order. "
        "Queries that find nothing within Hamming radius 2 count 0 there; the last column is "
        "their share.",
    )


def _csv_row(board: Board, method: Method, bits: int) -> dict[str, Any]:
    row, data, precision = method.rows[bits], board.data, _by_precision(board)
    reaches = precision.reaches_itq(method, bits)
    cells: dict[str, Any] = {
        "data": data.name,
        "protocol": data.protocol,
        "classes": data.classes,
        "trained_classes": data.trained_classes,
        "pictures": data.pictures,
        "database": _plain(data.database),
        "queries": _plain(data.queries),
        "network": row.model,
        "image_size": row.image_size,
        "objective": method.objective,
        "options": method.options,
        "untrained": int(method.untrained),
        "bits": bits,
        "seeds": len(row.done),
        "reaches_itq": "" if reaches is None else int(reaches),
    }
    for name, summary in _all_figures(board, row).items():
        cells[name] = f"{summary.mean:.4f}" if summary else ""
        cells[f"{name}_std"] = f"{summary.std:.4f}" if summary and summary.std is not None else ""
    cells["run_ids"] = " ".join(cell.run_id for cell in row.done)
    cells["missing"] = _lacking(board, method, bits)
    return cells


def _plain(count: Count) -> str:
    return "-".join(dict.fromkeys(map(str, count)))


def _all_figures(board: Board, row: Row) -> dict[str, Summary | None]:
    found: dict[str, Summary | None] = {}
    for name, kind in (
        ("expected_P", "expected_precision"),
        ("P", "precision"),
        ("ceiling_P", "precision_ceiling"),
    ):
        found |= {f"{name}@{k}": row.summary(kind, k) for k in board.ks}
    found["expected_mAP"] = row.mean_average_precision
    found |= {f"mAP@{depth}": row.summary("map", depth) for depth in _depths(board)}
    for name in ("precision", "recall", "empty"):
        found[f"radius_2_{name}"] = row.summary("hamming_radius_2", name)
    return found


def _depths(board: Board) -> list[str]:
    """What mAP was cut at in all runs: one that only some databases are larger than is left out."""
    found = [results["map"] for row in board.rows for results in row.results]
    shared = set.intersection(*map(set, found))
    return sorted(shared, key=lambda depth: (depth == WHOLE, len(depth), depth))


def _ceiling(board: Board, bits: int, k: int) -> str:
    """Of the row with the most seeds: where seeds draw classes, each has a ceiling of its own."""
    rows = [method.rows[bits] for method in board.methods if bits in method.rows]
    summary = max(rows, key=lambda row: len(row.done)).summary("precision_ceiling", k)
    return f"{summary.mean:.2f}" if summary else NOTHING


def _seeds(method: Method) -> str:
    counts = Count(*(of(len(row.done) for row in method.rows.values()) for of in (min, max)))
    return str(counts)


def _lacking(board: Board, method: Method, bits: int) -> str:
    """Seeds that others have and a method lacks at a code length, and why; empty if none."""
    row = method.rows.get(bits)
    if row is None:
        return "no runs"
    there = {shown(cell.settings.get(SEED)) for cell in (*row.done, *row.others)}
    absent = [seed for seed in board.seeds if seed not in there]
    parts = (row.missing, f"no run with seed {', '.join(absent)}" if absent else "")
    return "; ".join(part for part in parts if part)
