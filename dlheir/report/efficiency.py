"""Table 3 and Figures 4 to 6: how long the paper's systems and ours take, from a comparison."""

from collections.abc import Callable, Iterator

from matplotlib.axis import Axis
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from dlheir.comparison.record import Comparison, What
from dlheir.comparison.settings import NETWORK
from dlheir.report import paper
from dlheir.report.drawing import MARKERS, QUIET, SERIES, Plot, drawn
from dlheir.report.table import Figure, Line, Table

Seconds = Callable[[str, int], float | None]
_UNITS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6))
_LINES = ("-", "--", ":")  # of systems for which no colours are left


def parts_of(comparison: Comparison) -> list[tuple[Table, Plot]]:
    """Tables with their plots, of what was measured."""
    parts: list[tuple[Table, Plot]] = []
    if search := _measured(comparison, "search"):
        title = "Table 3: time to find the nearest pictures of one query"
        table = _search_table(comparison, title, search)
        parts.append((table, _plot(comparison, "table3", title, _of(comparison, "search"), search)))
    if features := _measured(comparison, "features"):
        title = "Figure 4: time to extract the features of a collection"
        without = _of(comparison, "features")
        parts.append(_by_size(comparison, "figure4", f"{title}, without loading", without))
        loaded = [system for system in features if comparison.seconds(system, "load", 0)]
        if loaded:
            seconds = _with_loading(comparison)
            name = "figure4-with-loading"
            parts.append(_by_size(comparison, name, f"{title}, with loading", seconds))
    if _measured(comparison, "index"):
        title = "Figure 5: time to build what is searched; the paper's own is 0"
        parts.append(_by_size(comparison, "figure5", title, _of(comparison, "index")))
    if trapdoor := _measured(comparison, "trapdoor"):
        parts.append(_trapdoors(comparison, trapdoor))
    return parts


def _of(comparison: Comparison, what: What) -> Seconds:
    return lambda system, size: comparison.seconds(system, what, size)


def _with_loading(comparison: Comparison) -> Seconds:
    def seconds(system: str, size: int) -> float | None:
        parts = [comparison.seconds(system, what, size) for what in ("load", "features")]
        return None if None in parts else sum(part for part in parts if part is not None)

    return seconds


def _measured(comparison: Comparison, what: What) -> list[str]:
    sizes = comparison.pictures or [0]
    return [
        system
        for system in comparison.systems
        if any(comparison.seconds(system, what, size) is not None for size in sizes)
    ]


def _sizes(comparison: Comparison, seconds: Seconds) -> list[int]:
    return [
        size
        for size in comparison.pictures
        if any(seconds(system, size) is not None for system in comparison.systems)
    ]


def _by_size(comparison: Comparison, name: str, title: str, seconds: Seconds) -> tuple[Table, Plot]:
    """Durations by system and size of the collection."""
    sizes = _sizes(comparison, seconds)
    systems = [s for s in comparison.systems if any(seconds(s, size) is not None for size in sizes)]
    lines = [
        Line((system,), tuple(_figure(seconds(system, size)) for size in sizes))
        for system in systems
    ]
    columns = tuple(f"{size:,} pictures" for size in sizes)
    table = Table(name, title, ("system",), columns, tuple(lines), _about(comparison))
    return table, _plot(comparison, name, title, seconds, systems)


def _search_table(comparison: Comparison, title: str, systems: list[str]) -> Table:
    """Our Table 3, with the paper's growth and places beside ours."""
    seconds = _of(comparison, "search")
    sizes = _sizes(comparison, seconds)
    lines = []
    order = sorted(row[-1] for row in paper.SEARCH.values())
    for system in systems:
        row = _printed(comparison, system)
        printed = dict(zip(paper.PICTURES, row, strict=True)) if row else {}
        growth = _beside(_growth(seconds, system, sizes), row[-1] / row[0] if row else None, ".2f")
        place = _beside(
            _place(seconds, system, systems, sizes[-1]),
            order.index(row[-1]) + 1 if row else None,
            "d",
        )
        figures = (_search_figure(comparison, system, size, printed) for size in sizes)
        lines.append(Line((system,), (*figures, growth, place)))
    columns = (*(f"{size:,} pictures" for size in sizes), "growth", "place")
    about = (
        f"{_about(comparison)} Growth: from the smallest to the largest collection. Place: at the "
        "largest one, 1 is the fastest. The paper's Table 3 prints no unit, and its machine was "
        "another one: only its growth, from 2,000 to 10,000 pictures, and its places compare."
    )
    return Table("table3", title, ("system",), columns, tuple(lines), about)


def _search_figure(
    comparison: Comparison, system: str, size: int, printed: dict[int, float]
) -> Figure:
    figure = _figure(comparison.seconds(system, "search", size))
    if quartiles := comparison.quartiles(system, "search", size):
        names = ("lower quartile", "upper quartile")
        values = (*figure.values, *zip(names, quartiles, strict=True))
        figure = Figure(figure.text, figure.beside, values)
    if size not in printed:
        return figure
    beside = (("paper", f"{printed[size]:g}"),)
    return Figure(figure.text, beside, (*figure.values, ("paper", printed[size])))


def _printed(comparison: Comparison, system: str) -> tuple[float, ...] | None:
    """The paper's row of a system; all networks with as many bits as its own share one."""
    entry = comparison.entries[system]
    name = paper.MODEL if entry["name"] == NETWORK else entry["name"]
    return paper.SEARCH.get((name, entry["bits"]))


def _growth(seconds: Seconds, system: str, sizes: list[int]) -> float | None:
    first, last = seconds(system, sizes[0]), seconds(system, sizes[-1])
    return last / first if first and last is not None and len(sizes) > 1 else None


def _place(seconds: Seconds, system: str, systems: list[str], size: int) -> int | None:
    own = seconds(system, size)
    others = [of for other in systems if (of := seconds(other, size)) is not None]
    return None if own is None else 1 + sum(of < own for of in others)


def _beside(value: float | None, printed: float | None, form: str) -> Figure:
    """A figure without a unit, with the paper's below it."""
    values = [(name, v) for name, v in (("", value), ("paper", printed)) if v is not None]
    below = () if printed is None else (("paper", format(printed, form)),)
    return Figure("" if value is None else format(value, form), below, tuple(values))


def _trapdoors(comparison: Comparison, systems: list[str]) -> tuple[Table, Plot]:
    """Durations that depend on no collection, as points."""
    name, title = "figure6", "Figure 6: time to make the trapdoor of one query, without loading"
    found = {system: comparison.seconds(system, "trapdoor", 0) or 0.0 for system in systems}
    lines = []
    for system, seconds in found.items():
        quartiles = comparison.quartiles(system, "trapdoor", 0) or (seconds, seconds)
        lines.append(Line((system,), (_figure(seconds), *map(_figure, quartiles))))
    columns = ("median", "lower quartile", "upper quartile")
    about = f"{_about(comparison)} It does not depend on the size of the collection."
    table = Table(name, title, ("system",), columns, tuple(lines), about)
    with drawn(name, title, "time a query", "", 1) as canvas:
        # Points, as a bar on a logarithmic scale would have no length that means anything.
        for system, seconds in found.items():
            ours = comparison.entries[system]["name"] == NETWORK
            canvas.axes.plot(seconds, system, "o", markersize=8, color=SERIES[0 if ours else 1])
        canvas.axes.set_xscale("log")
        _name_decades(canvas.axes.xaxis)
        canvas.axes.invert_yaxis()
        canvas.axes.tick_params(axis="y", labelsize=7)
    return table, canvas.plot


def _plot(
    comparison: Comparison, name: str, title: str, seconds: Seconds, systems: list[str]
) -> Plot:
    """Durations over the size of the collection; systems lie decades apart."""
    with drawn(name, title, "pictures in the collection", "time", 2) as canvas:
        for system, (colour, marker, line) in zip(systems, _looks(), strict=False):
            sizes = [size for size in comparison.pictures if seconds(system, size) is not None]
            times = [seconds(system, size) or 0.0 for size in sizes]
            look = {"color": colour, "marker": marker, "linestyle": line, "label": system}
            canvas.axes.plot(sizes, times, **look)  # type: ignore[arg-type]
        canvas.axes.set_yscale("log")
        _name_decades(canvas.axes.yaxis)
        canvas.axes.set_xlim(left=0)
        if comparison.data["painted"] and comparison.data["real"]:
            edge = comparison.data["real"]
            canvas.axes.axvline(
                edge, color=QUIET, linestyle="--", linewidth=1, label="painted pictures from here"
            )
    return canvas.plot


def _name_decades(axis: Axis) -> None:
    """Write 1 ms, 3 ms, 10 ms and so on along a logarithmic axis."""
    axis.set_major_locator(LogLocator(subs=(1, 3)))
    axis.set_major_formatter(EngFormatter("s"))
    axis.set_minor_formatter(NullFormatter())


def _looks() -> Iterator[tuple[str, str, str]]:
    for line in _LINES:
        for colour, marker in zip(SERIES, MARKERS, strict=True):
            yield colour, marker, line


def _figure(seconds: float | None) -> Figure:
    if seconds is None:
        return Figure()
    return Figure(_text(seconds), values=(("seconds", seconds),))


def _text(seconds: float) -> str:
    if seconds >= 100:
        return f"{seconds:,.0f} s"
    unit, scale = next(((u, s) for u, s in _UNITS if seconds >= s), _UNITS[-1])
    return f"{seconds / scale:.3g} {unit}"


def _about(comparison: Comparison) -> str:
    """What it was measured on."""
    data, machine = comparison.data, comparison.machine
    pictures = f"{data['real']:,} real and {data['painted']:,} painted pictures"
    return (
        f"On {data['name']}: {pictures} in the largest collection. "
        f"{machine['cpu']}, {machine['cores']} cores, {machine['threads']} threads. Medians."
    )
