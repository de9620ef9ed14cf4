"""Tables of precision@k: the paper's Table 1, ablations, and whatever else there is."""

from collections.abc import Sequence

from dlheir.report import paper
from dlheir.report.groups import Row, Summary
from dlheir.report.notes import disagreements
from dlheir.report.settings import BITS, IMAGE_SIZE, MODEL, has_options, shown
from dlheir.report.table import Figure, Line, Table

SHORT = {MODEL: "network", BITS: "bits", IMAGE_SIZE: "size"}
_CEILING = "ceiling"


def precision_table(
    name: str, title: str, rows: Sequence[Row], keys: Sequence[str], beside_paper: bool = False
) -> Table:
    """Set out precision@k, a line for each setting.

    Args:
        name: Of the table's file.
        title: A line above it.
        rows: What is in it, all of one data set.
        keys: Settings that the lines differ in.
        beside_paper: Whether the paper's Table 1 stands beside the figures.
    """
    ks = sorted({k for row in rows for k in row.ks})
    shared = _shared_ceiling(rows, ks)
    lines = [
        Line(
            (*(shown(row.settings.get(key)) for key in keys), seeds_of(row)),
            (*(_figure(row, k, beside_paper, not shared) for k in ks), _mean_average(row))
            if row.done
            else (),
            row.missing,
        )
        for row in rows
    ]
    if shared:
        figures = (*(Figure(text) for text in shared), Figure("100.00"))
        lines.append(Line((_CEILING, *[""] * len(keys)), figures))
    about, warnings = _about(rows, beside_paper), disagreements(rows)
    if beside_paper and not all(map(comparable, rows)):
        its_own = f"{paper.MODEL} without options on {paper.DATA}"
        warnings = (f"The paper's numbers are of {its_own}: for orientation only.", *warnings)
    return Table(
        name,
        title,
        (*(SHORT.get(key, key) for key in keys), "seeds"),
        (*(f"P@{k}" for k in ks), "mAP") if ks else ("why",),
        tuple(lines),
        about,
        warnings,
    )


def in_paper(rows: Sequence[Row]) -> bool:
    """Whether any row has a size and a code length of the paper's Table 1, under its protocol."""
    return any(
        (row.image_size, row.bits) in paper.PRECISION and row.data.protocol in {"", paper.PROTOCOL}
        for row in rows
    )


def comparable(row: Row) -> bool:
    """Whether a row's network, data set and protocol are the paper's."""
    own = (paper.MODEL, paper.DATA, paper.PROTOCOL)
    return (row.model, row.data.name, row.data.protocol) == own and not has_options(row.settings)


def text_of(summary: Summary | None) -> str:
    """Write a mean and its deviation."""
    if summary is None:
        return ""
    mean = f"{summary.mean:.2f}"
    return mean if summary.std is None else f"{mean} ± {summary.std:.2f}"


def _figure(row: Row, k: int, beside_paper: bool, with_ceiling: bool) -> Figure:
    served, expected = row.summary("precision", k), row.summary("expected_precision", k)
    ceiling = row.summary("precision_ceiling", k)
    printed = paper.precision(row.image_size, row.bits, k) if beside_paper else None
    beside = [("expected", text_of(expected))]
    values = [
        *values_of("", served),
        *values_of("expected", expected),
        *values_of(_CEILING, ceiling),
    ]
    if with_ceiling:
        beside.append((_CEILING, _ceiling_text(row, k)))
    if printed is not None and served is not None:
        difference = served.mean - printed
        beside.append(("paper", f"{printed:.2f} ({difference:+.2f})"))
        values += [("paper", printed), ("difference", round(difference, 4))]
    return Figure(text_of(served), tuple(beside) if served else (), tuple(values))


def _mean_average(row: Row) -> Figure:
    found = row.mean_average_precision
    return Figure(text_of(found), values=tuple(values_of("", found)))


def values_of(name: str, summary: Summary | None) -> list[tuple[str, float | int | str]]:
    """Name a mean and its deviation for CSV."""
    if summary is None:
        return []
    mean: list[tuple[str, float | int | str]] = [(name, round(summary.mean, 4))]
    spread = "" if summary.std is None else round(summary.std, 4)
    return mean if name == _CEILING else [*mean, (f"{name} std".strip(), spread)]


def _shared_ceiling(rows: Sequence[Row], ks: Sequence[int]) -> list[str]:
    """The ceiling at each k where it is the same in all rows; nothing otherwise."""
    found = [[_ceiling_text(row, k) for k in ks] for row in rows if row.done]
    return found[0] if found and all(one == found[0] for one in found) else []


def _ceiling_text(row: Row, k: int) -> str:
    ceiling = row.summary("precision_ceiling", k)
    return f"{ceiling.mean:.2f}" if ceiling else ""


def seeds_of(row: Row) -> str:
    """Write how many seeds have results."""
    return f"{len(row.done)} of {row.planned}" if row.planned > len(row.done) else f"{row.planned}"


def _about(rows: Sequence[Row], beside_paper: bool) -> str:
    several = any(len(row.done) > 1 for row in rows)
    parts = [
        f"{rows[0].data}",
        "Per cent" + (", mean ± standard deviation over seeds" if several else ""),
        "As served by the store; below it: expected over all orders of ties"
        + (", the paper's Table 1 and the difference to it" if beside_paper else ""),
    ]
    return ". ".join(parts) + ". mAP is the expected one."
