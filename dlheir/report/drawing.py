"""One look for all plots: drawn once, as SVG in the page's own colours and as PNG."""

import io
import re
from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito's colours, which colour-blind people can tell apart, each with a marker of its own.
# In the page they are variables, since dark pages need lighter ones.
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKERS = ("o", "s", "^", "D", "v", "P")
INK, QUIET, GRID = "#1d2329", "#5f6973", "#d8dde3"
VARIABLES = {colour: f"var(--series-{i})" for i, colour in enumerate(SERIES)} | {
    INK: "var(--ink)",
    QUIET: "var(--quiet)",
    GRID: "var(--line)",
}
_INCHES = (5.0, 3.7)  # so that the text is readable on a phone, where the page is as wide
_LEGEND_LINES, _INCHES_A_LINE = 2, 0.2  # a longer legend takes no room from the axes
_DOTS_PER_INCH = 160
_STYLE: Any = {  # matplotlib has each name as a type
    "font.size": 10,
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "text.color": INK,
    "text.parse_math": False,
    "axes.labelcolor": INK,
    "axes.edgecolor": QUIET,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.color": QUIET,
    "ytick.labelcolor": INK,
    "lines.linewidth": 1.8,
    "lines.markersize": 5.5,
    "legend.frameon": False,
    "legend.handlelength": 2.2,
    "legend.columnspacing": 1.4,
    "svg.fonttype": "none",  # text stays text
}


@dataclass(frozen=True)
class Plot:
    """A plot of a report.

    Attributes:
        name: Of its file.
        title: A line above it, which also says what is to be seen to those who cannot.
        svg: Its drawing for the page.
        png: Its drawing as a picture, on white.
    """

    name: str
    title: str
    svg: str
    png: bytes


class Canvas:
    """Axes to draw on; `plot` is there once the drawing is done."""

    plot: Plot

    def __init__(self, axes: Axes) -> None:
        self.axes = axes


@contextmanager
def drawn(name: str, title: str, x_label: str, y_label: str, columns: int) -> Iterator[Canvas]:
    """Yield axes, and make a plot of what was drawn on them.

    Args:
        name: Of the plot's file.
        title: What it shows.
        x_label: What is across.
        y_label: What is upwards.
        columns: Of the legend below it, or as many as there is room for.
    """
    with mpl.rc_context(_STYLE | {"svg.hashsalt": name}):  # names inside are its own
        figure = Figure(figsize=_INCHES, layout="constrained")
        canvas = Canvas(figure.subplots())
        canvas.axes.set(xlabel=x_label, ylabel=y_label)
        yield canvas
        if labels := canvas.axes.get_legend_handles_labels()[1]:
            more = max(-(-len(labels) // _legend(figure, columns)) - _LEGEND_LINES, 0)
            figure.set_figheight(_INCHES[1] + _INCHES_A_LINE * more)
        canvas.plot = Plot(name, title, _svg(figure, title), _png(figure))


class Panels:
    """Axes beside each other; `png` is there once the drawing is done."""

    png: bytes

    def __init__(self, axes: Sequence[Axes]) -> None:
        self.axes = axes


@contextmanager
def drawn_beside(
    titles: Sequence[str], x_label: str, y_label: str, columns: int
) -> Iterator[Panels]:
    """Yield axes of one scale beside each other, and make a picture of what was drawn on them.

    Args:
        titles: Of the axes.
        x_label: What is across.
        y_label: What is upwards.
        columns: Of the legend below them, which is the first axes'.
    """
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_INCHES[0] * len(titles), _INCHES[1] + 1), layout="constrained")
        panels = Panels(figure.subplots(1, len(titles), sharey=True, squeeze=False)[0])
        for axes, title in zip(panels.axes, titles, strict=True):
            axes.set_title(title)
            axes.set(xlabel=x_label)
        panels.axes[0].set(ylabel=y_label)
        yield panels
        handles, labels = panels.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=columns)
        panels.png = _png(figure)


def styles(values: Iterable[Hashable]) -> dict[Hashable, tuple[str, str]]:
    """Give each of some values a colour and a marker, as long as they last."""
    return {
        value: (SERIES[i % len(SERIES)], MARKERS[i % len(MARKERS)])
        for i, value in enumerate(dict.fromkeys(values))
    }


def _legend(figure: Figure, columns: int) -> int:
    """Put a legend below, in fewer columns where they are too wide; return how many."""
    while True:
        legend = figure.legend(loc="outside lower center", ncols=columns)
        if columns == 1:
            return columns
        figure.draw_without_rendering()
        if legend.get_window_extent().width <= figure.bbox.width:
            return columns
        legend.remove()
        columns -= 1


def _png(figure: Figure) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
    return content.getvalue()


def _svg(figure: Figure, title: str) -> str:
    content = io.StringIO()
    figure.savefig(content, format="svg", transparent=True)
    svg = content.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, count=1, flags=re.DOTALL)
    # Several plots share a page: only what is referred to keeps its name.
    used = set(re.findall(r"#([\w.-]+)", svg))
    svg = re.sub(r' id="([^"]*)"', lambda m: m[0] if m[1] in used else "", svg)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, variable)
    # As wide as its place in the page.
    return re.sub(r'<svg ([^>]*?)width="[^"]*"', r'<svg \1role="img"', svg, count=1).replace(
        "<defs>", f"<title>{_escaped(title)}</title><defs>", 1
    )


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
