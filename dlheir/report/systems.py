"""The paper's Figure 3: precision over k of our network and of the systems it is compared with."""

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dlheir.report import paper
from dlheir.report.datasets import DataSet
from dlheir.report.drawing import QUIET, Plot, drawn, styles
from dlheir.report.groups import Row, Summary, place
from dlheir.report.precision import seeds_of, text_of, values_of
from dlheir.report.settings import BITS, MODEL, described, differing
from dlheir.report.table import Figure, Line, Table

# Of the paper's Table 1, DLHEIR's curve in its Figure 3.
_PAPER_SIZE, _PAPER_BITS = 384, 48
_PAPER = f"paper: DLHEIR, {_PAPER_BITS} bits, {paper.DATA}"


@dataclass(frozen=True)
class Measured:
    """One system that is not ours, as runs of one data set found it.

    Attributes:
        name: Of the baseline.
        title: What it is called, with its options where two have the same name.
        splits: Its precision by k, for each split and seed that it was measured on.
        disagrees: Whether two runs with the same split and seed found different precision.
    """

    name: str
    title: str
    splits: tuple[Mapping[str, float], ...]
    disagrees: bool

    @property
    def ks(self) -> list[int]:
        """Numbers of answers that it was measured with."""
        return sorted({int(k) for precision in self.splits for k in precision})

    def summary(self, k: int) -> Summary | None:
        """Precision at k over the splits in per cent; None where it was not measured."""
        found = [100 * p[str(k)] for p in self.splits if str(k) in p]
        if not found:
            return None
        return Summary(statistics.fmean(found), statistics.stdev(found) if len(found) > 1 else None)


@dataclass(frozen=True)
class Figure3:
    """What Figure 3 shows of one data set.

    Attributes:
        data: The data set.
        ours: Our networks that were compared, in the order of tables.
        others: The other systems, in the order in which runs name them.
    """

    data: DataSet
    ours: tuple[Row, ...]
    others: tuple[Measured, ...]
    ks: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        found = {k for row in self.ours for k in row.ks} | {k for o in self.others for k in o.ks}
        object.__setattr__(self, "ks", tuple(sorted(found)))

    def title_of(self, row: Row) -> str:
        """What one of our networks is called: its name, and what it differs in from the others."""
        keys = [key for key in differing([r.settings for r in self.ours]) if key != MODEL]
        return described(row.settings, dict.fromkeys((MODEL, BITS, *keys)))


def figures3_of(rows: Sequence[Row]) -> list[Figure3]:
    """Bring together, for each data set, the runs that have baselines."""
    by_data: dict[DataSet, list[Row]] = defaultdict(list)
    for row in rows:
        if any("baselines" in results for results in row.results):
            by_data[row.data].append(row)
    return [
        Figure3(data, tuple(sorted(alike, key=lambda r: (r.model, place(r)))), _others(alike))
        for data, alike in sorted(by_data.items())
    ]


def systems_table(name: str, figure: Figure3) -> Table:
    """Set out precision@k of each system, with the paper's own DLHEIR and the ceiling.

    Args:
        name: Of the table's file.
        figure: What to set out.
    """
    lines = [
        Line(
            (figure.title_of(row), seeds_of(row)),
            tuple(_figure(row.summary("precision", k)) for k in figure.ks),
            row.missing,
        )
        for row in figure.ours
    ]
    lines += [
        Line(
            (other.title, str(len(other.splits))),
            tuple(_figure(other.summary(k)) for k in figure.ks),
        )
        for other in figure.others
    ]
    printed = [paper.precision(_PAPER_SIZE, _PAPER_BITS, k) for k in figure.ks]
    if any(value is not None for value in printed):
        lines.append(Line((_PAPER, ""), tuple(map(_printed, printed))))
    ceilings = [_ceiling(figure, k) for k in figure.ks]
    lines.append(Line(("ceiling", ""), tuple(map(_figure, ceilings))))
    disagreeing = [other.title for other in figure.others if other.disagrees]
    return Table(
        name,
        f"Precision by system on {figure.data.heading}",
        ("system", "seeds"),
        tuple(f"P@{k}" for k in figure.ks),
        tuple(lines),
        f"{figure.data}. Per cent, as served, ties by picture id; where there are several "
        "seeds, mean ± standard deviation. The paper prints no numbers for the other systems; its "
        "own, measured on another data set or split, are for orientation.",
        tuple(
            f"{title}: runs with the same split and seed disagree; the first one counts"
            for title in disagreeing
        ),
    )


def systems_plot(name: str, figure: Figure3) -> Plot:
    """Draw precision over k of each system: ours by filled markers, the others by hollow ones.

    Args:
        name: Of the file.
        figure: What to draw.
    """
    title = f"Precision by system, the paper's Figure 3: {figure.data.heading}"
    with drawn(name, title, "answers k", "precision@k in %", 2) as canvas:
        axes = canvas.axes
        done = [row for row in figure.ours if row.done]
        for row, (colour, marker) in zip(done, styles(range(len(done))).values(), strict=True):
            means = _means([row.summary("precision", k) for k in row.ks])
            axes.plot(row.ks, means, color=colour, marker=marker, label=figure.title_of(row))
        looks = styles(range(len(figure.others))).values()
        for other, (colour, marker) in zip(figure.others, looks, strict=True):
            axes.plot(
                other.ks,
                _means([other.summary(k) for k in other.ks]),
                color=colour,
                marker=marker,
                markerfacecolor="none",
                linestyle="-.",
                label=other.title,
            )
        shared = [k for k in figure.ks if k in paper.KS]
        if shared:
            of_paper = [
                paper.PRECISION[_PAPER_SIZE, _PAPER_BITS][paper.KS.index(k)] for k in shared
            ]
            axes.plot(shared, of_paper, color=QUIET, linestyle=":", linewidth=1.2, label=_PAPER)
        ceiling = _means([_ceiling(figure, k) for k in figure.ks])
        axes.plot(figure.ks, ceiling, color=QUIET, linestyle="--", linewidth=1, label="ceiling")
        axes.set_xticks(figure.ks)
        axes.set_ylim(bottom=0)
    return canvas.plot


def _others(rows: Sequence[Row]) -> tuple[Measured, ...]:
    found: dict[tuple[str, str], list[tuple[object, dict[str, Any]]]] = defaultdict(list)
    for row in rows:
        for results in row.results:
            measured_on = (results["split"]["sha256"], results["seed"])
            for name, baseline in results.get("baselines", {}).items():
                options = ", ".join(f"{k} {v}" for k, v in sorted(baseline["options"].items()))
                found[name, options].append((measured_on, baseline))
    names = [name for name, _ in found]
    return tuple(
        _measured(name, f", {options or 'default'}" if names.count(name) > 1 else "", runs)
        for (name, options), runs in found.items()
    )


def _measured(name: str, options: str, runs: Sequence[tuple[object, dict[str, Any]]]) -> Measured:
    """Sum up what runs found of one system, one a split and seed."""
    splits: dict[object, Mapping[str, float]] = {}
    for measured_on, baseline in runs:
        splits.setdefault(measured_on, baseline["precision"])
    return Measured(
        name,
        f"{runs[0][1]['title']}{options}",
        tuple(splits.values()),
        any(baseline["precision"] != splits[on] for on, baseline in runs),
    )


def _ceiling(figure: Figure3, k: int) -> Summary | None:
    summaries = [row.summary("precision_ceiling", k) for row in figure.ours]
    return next((summary for summary in summaries if summary), None)


def _means(summaries: Sequence[Summary | None]) -> list[float]:
    return [summary.mean if summary else float("nan") for summary in summaries]


def _figure(summary: Summary | None) -> Figure:
    return Figure(text_of(summary), values=tuple(values_of("", summary)))


def _printed(value: float | None) -> Figure:
    return Figure() if value is None else Figure(f"{value:.2f}", values=(("", value),))
