"""The plots of a report."""

from collections.abc import Hashable, Sequence

from matplotlib.axes import Axes

from dlheir.report import paper
from dlheir.report.ablations import Ablation
from dlheir.report.cost import cost, pareto_front, served, unit_of
from dlheir.report.drawing import INK, QUIET, Plot, drawn, styles
from dlheir.report.groups import DataSet, Group, Row
from dlheir.report.settings import BITS, described, is_number

_PLOTTED_SERIES = 6  # more cannot be told apart
_PAPER = "the paper"
_LETTERS_ACROSS = 45  # more do not fit below an axis
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


def precision_over_cost(name: str, data: DataSet, rows: Sequence[Row], k: int) -> Plot:
    """Draw precision at k over multiply-accumulates, and the front that nothing beats.

    Args:
        name: Of the file.
        data: What all rows were measured on.
        rows: Those with results.
        k: Number of answers.
    """
    title = f"Precision over operations on {data.name}"
    front = pareto_front(rows, k)
    colours = styles(sorted({row.model for row in rows}))
    markers = styles(sorted({row.bits for row in rows}))
    unit, prefix = unit_of(max(map(cost, rows)))
    with drawn(name, title, f"{prefix}MACs per picture", f"precision@{k} in %", 3) as canvas:
        axes = canvas.axes
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
                color=colours[row.model][0],
                marker=markers[row.bits][1],
            )
        for model, (colour, _) in colours.items():
            axes.plot([], [], color=colour, linewidth=5, label=model)
        for bits, (_, marker) in markers.items():
            axes.plot([], [], color=QUIET, marker=marker, linestyle="", label=f"{bits} bits")
        best = {row.image_size: row for row in sorted(rows, key=lambda row: served(row, k))}
        for size, row in best.items():
            axes.annotate(
                f"{size} px",
                (cost(row) / unit, served(row, k)),
                xytext=(0, 7),
                textcoords="offset points",
                ha="center",
                color=INK,
            )
        axes.margins(x=0.12, y=0.15)
    return canvas.plot


def ablation_plot(name: str, ablation: Ablation, k: int, bits: Styles) -> Plot:
    """Draw precision at k over the values of one setting, for each of the first series.

    Args:
        name: Of the file.
        ablation: What to draw.
        k: Number of answers.
        bits: Colour and marker of each code length, where the series differ in nothing else.
    """
    title = f"{ablation.axis} on {ablation.data.name}"
    if len(ablation.series) > _PLOTTED_SERIES:
        title += f", the first {_PLOTTED_SERIES} of {len(ablation.series)} series"
    values = dict.fromkeys(ablation.value(row) for row in sorted(ablation.rows, key=ablation.rank))
    positions = {value: i for i, value in enumerate(values)}
    by_bits = ablation.context == (BITS,)
    looks = bits if by_bits else styles(range(len(ablation.series)))
    with drawn(name, title, ablation.axis, f"precision@{k} in %", 2) as canvas:
        for i, series in enumerate(ablation.series[:_PLOTTED_SERIES]):
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
                label=described(series[0].settings, ablation.context) or None,
            )
        slanted = sum(map(len, values)) > _LETTERS_ACROSS
        canvas.axes.set_xticks(
            list(positions.values()),
            list(positions),
            rotation=20 if slanted else 0,
            ha="right" if slanted else "center",
        )
        canvas.axes.margins(x=0.1)
    return canvas.plot


def _curve(axes: Axes, row: Row, colour: str, marker: str) -> None:
    ks = row.ks
    means = [served(row, k) for k in ks]
    axes.plot(ks, means, color=colour, marker=marker, label=f"{row.bits} bits")
    spread = [_deviation(row, k) for k in ks]
    low = [mean - s for mean, s in zip(means, spread, strict=True)]
    high = [mean + s for mean, s in zip(means, spread, strict=True)]
    axes.fill_between(ks, low, high, color=colour, alpha=0.15, linewidth=0)
    printed = paper.PRECISION.get((row.image_size, row.bits))
    if printed and (row.model, row.data.name) == (paper.MODEL, paper.DATA):
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
