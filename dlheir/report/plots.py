"""The plots of a report."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from dlheir.report import paper
from dlheir.report.ablations import Ablation
from dlheir.report.cost import cost, pareto_front, served, unit_of
from dlheir.report.datasets import DataSet
from dlheir.report.drawing import INK, QUIET, SERIES, Plot, drawn, styles
from dlheir.report.groups import Group, Row
from dlheir.report.precision import comparable
from dlheir.report.settings import BITS, described, is_number

_PLOTTED_SERIES = 6  # more cannot be told apart
_MARKED = 2  # the radius that the field reports
_PAPER = "the paper"
_LETTERS_ACROSS = 45  # more do not fit below an axis
_VALUES_SLANTED = 7  # of more, slanted names run into each other
Styles = dict[Hashable, tuple[str, str]]


def precision_over_k(name: str, group: Group, bits: Styles) -> list[Plot]:
    """Draw precision over k for each image size of a group: what the paper's Figure 3 shows.

    Args:
        name: What the files' names begin with.
        group: What to draw.
        bits: Colour and marker of each code length.
    """
    rows = [row for row in group.rows if row.done]
    sizes = dict.fromkeys(row.image_size for row in rows)
    lowest = min((served(row, k) for row in rows for k in row.ks), default=0.0)
    plots = []
    for size in sizes:
        title = f"Precision over k, the paper's Figure 3: {group.title}, {size} px"
        with drawn(f"{name}-{size}px", title, "answers k", "precision@k in %", 3) as canvas:
            for row in rows:
                if row.image_size == size:
                    _curve(canvas.axes, row, *bits[row.bits])
            _ceiling(canvas.axes, [row for row in rows if row.image_size == size])
            canvas.axes.set_ylim(bottom=max(0.0, lowest - 5))
            canvas.axes.set_xticks(sorted({k for row in rows for k in row.ks}))
        plots.append(canvas.plot)
    return plots


def precision_over_recall(name: str, group: Group, bits: Styles) -> list[Plot]:
    """Draw precision over recall, by Hamming radius, for each image size of a group.

    Args:
        name: What the files' names begin with.
        group: What to draw.
        bits: Colour and marker of each code length; the marker stands at radius 2.
    """
    rows = [row for row in group.rows if row.done]
    plots = []
    for size in dict.fromkeys(row.image_size for row in rows):
        title = (
            f"Precision over recall within each Hamming radius, radius {_MARKED} marked; "
            f"where it holds nothing, precision counts 0: {group.title}, {size} px"
        )
        with drawn(f"{name}-{size}px", title, "recall in %", "precision in %", 3) as canvas:
            for row in rows:
                if row.image_size == size:
                    colour, marker = bits[row.bits]
                    canvas.axes.plot(
                        row.curve("recall"),
                        row.curve("precision"),
                        color=colour,
                        marker=marker,
                        markevery=[min(_MARKED, row.bits)],
                        label=f"{row.bits} bits",
                    )
            canvas.axes.set(xlim=(0, 102), ylim=(0, 102))
        plots.append(canvas.plot)
    return plots


def precision_over_cost(name: str, data: DataSet, rows: Sequence[Row], k: int) -> Plot:
    """Draw precision at k over multiply-accumulates, and the front that nothing beats.

    Where there are more networks than colours, names stand at those on the front.

    Args:
        name: Of the file.
        data: What all rows were measured on.
        rows: Those with results.
        k: Number of answers.
    """
    title = f"Precision over operations on {data.heading}"
    models = sorted({row.model for row in rows})
    many = len(models) > len(SERIES)  # more than there are colours
    colours = styles([None] if many else models)
    markers = styles(sorted({row.bits for row in rows}))
    unit, prefix = unit_of(max(map(cost, rows)))
    with drawn(name, title, f"{prefix}MACs per picture", f"precision@{k} in %", 3) as canvas:
        axes = canvas.axes
        front = pareto_front(rows, k)
        axes.step(
            [cost(row) / unit for row in front],
            [served(row, k) for row in front],
            where="post",
            color=QUIET,
            linestyle="--",
            linewidth=1.2,
            zorder=1,
            label="Pareto front",
        )
        for row in rows:
            axes.plot(
                cost(row) / unit,
                served(row, k),
                color=colours[None if many else row.model][0],
                marker=markers[row.bits][1],
            )
        if many:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter("{x:g}")
            # Above and left of a front that rises, there is nothing else.
            named = {row.model: row for row in front}
            _annotate(axes, named, unit, k, xytext=(-4, 3), ha="right", fontsize=7)
        else:
            for model in models:
                axes.plot([], [], color=colours[model][0], linewidth=5, label=model)
            best = sorted(rows, key=lambda row: served(row, k))
            sizes = {f"{row.image_size} px": row for row in best}
            _annotate(axes, sizes, unit, k, xytext=(0, 7), ha="center")
        for bits, (_, marker) in markers.items():
            axes.plot([], [], color=QUIET, marker=marker, linestyle="", label=f"{bits} bits")
        axes.margins(x=0.3 if many else 0.12, y=0.15)
    return canvas.plot


def _annotate(axes: Axes, rows: Mapping[str, Row], unit: float, k: int, **place: Any) -> None:
    """Write something near the points of some rows."""
    for text, row in rows.items():
        at = (cost(row) / unit, served(row, k))
        axes.annotate(text, at, textcoords="offset points", color=INK, **place)


def ablation_plot(name: str, ablation: Ablation, k: int, bits: Styles) -> Plot:
    """Draw precision at k over the values of one setting, for each of the first series.

    Args:
        name: Of the file.
        ablation: What to draw.
        k: Number of answers.
        bits: Colour and marker of each code length, where the series differ in nothing else.
    """
    title = f"{ablation.axis} on {ablation.data.heading}"
    if len(ablation.series) > _PLOTTED_SERIES:
        title += f", the first {_PLOTTED_SERIES} of {len(ablation.series)} series"
    values = dict.fromkeys(ablation.value(row) for row in sorted(ablation.rows, key=ablation.rank))
    positions = {value: i for i, value in enumerate(values)}
    by_bits = ablation.context == (BITS,)
    looks = bits if by_bits else styles(range(len(ablation.series)))
    plotted = ablation.series[:_PLOTTED_SERIES]
    labels = [described(series[0].settings, ablation.context) for series in plotted]
    with drawn(name, title, ablation.axis, f"precision@{k} in %", 2) as canvas:
        for i, series in enumerate(plotted):
            done = [row for row in series if row.done]
            if not done:
                continue
            colour, marker = looks[series[0].bits if by_bits else i]
            scale = [row for row in done if is_number(row.settings.get(ablation.axis))]
            canvas.axes.plot(
                [positions[ablation.value(row)] for row in scale],
                [served(row, k) for row in scale],
                color=colour,
            )
            canvas.axes.errorbar(
                [positions[ablation.value(row)] for row in done],
                [served(row, k) for row in done],
                yerr=[_deviation(row, k) for row in done],
                color=colour,
                marker=marker,
                linestyle="",
                capsize=3,
                label=labels[i] or None,
            )
        _name_values(canvas.axes, list(positions))
        canvas.axes.margins(x=0.1)
    return canvas.plot


def _name_values(axes: Axes, values: Sequence[str]) -> None:
    """Write the values of a setting below an axis, so that they stand clear of each other."""
    if len(values) > _VALUES_SLANTED:
        axes.set_xticks(range(len(values)), values, rotation=90, fontsize=7)
        return
    slanted = sum(map(len, values)) > _LETTERS_ACROSS
    axes.set_xticks(
        range(len(values)),
        values,
        rotation=20 if slanted else 0,
        ha="right" if slanted else "center",
    )


def _curve(axes: Axes, row: Row, colour: str, marker: str) -> None:
    ks = row.ks
    means = [served(row, k) for k in ks]
    axes.plot(ks, means, color=colour, marker=marker, label=f"{row.bits} bits")
    spread = [_deviation(row, k) for k in ks]
    low = [mean - s for mean, s in zip(means, spread, strict=True)]
    high = [mean + s for mean, s in zip(means, spread, strict=True)]
    axes.fill_between(ks, low, high, color=colour, alpha=0.15, linewidth=0)
    printed = paper.PRECISION.get((row.image_size, row.bits))
    if printed and comparable(row):
        axes.plot(paper.KS, printed, color=colour, linestyle=":", linewidth=1.2)
        if not any(line.get_label() == _PAPER for line in axes.lines):
            axes.plot([], [], color=QUIET, linestyle=":", linewidth=1.2, label=_PAPER)


def _ceiling(axes: Axes, rows: Sequence[Row]) -> None:
    ks = rows[0].ks
    highest = [row.summary("precision_ceiling", k) for row in rows[:1] for k in ks]
    means = [summary.mean for summary in highest if summary]
    axes.plot(ks, means, color=QUIET, linestyle="--", linewidth=1.2, label="ceiling")


def _deviation(row: Row, k: int) -> float:
    summary = row.summary("precision", k)
    return summary.std or 0.0 if summary else 0.0
