"""A table of figures: one content, written as CSV, Markdown or (by the page) HTML."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Figure:
    """What stands in one place of a table.

    Attributes:
        text: What a person reads.
        beside: Names and texts of what belongs to it and stands below it.
        values: Names and unrounded values for CSV; the name of the figure itself is empty.
        quiet: Whether it is there for orientation only.
    """

    text: str = ""
    beside: tuple[tuple[str, str], ...] = ()
    values: tuple[tuple[str, float | int | str], ...] = ()


@dataclass(frozen=True)
class Line:
    """A row of a table.

    Attributes:
        heads: What the row is about.
        figures: One for each further column; none where there is nothing to show.
        missing: Why figures are missing; empty where they are not.
    """

    heads: tuple[str, ...]
    figures: tuple[Figure, ...]
    missing: str = ""


@dataclass(frozen=True)
class Table:
    """Figures in rows and columns.

    Attributes:
        name: Of its file.
        title: A line above it.
        heads: Names of the columns that say what a row is about.
        columns: Names of the columns of figures.
        lines: The rows.
        about: What the figures were measured on, and how.
        warnings: What makes them hard to compare; empty is good.
    """

    name: str
    title: str
    heads: tuple[str, ...]
    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    about: str = ""
    warnings: tuple[str, ...] = field(default=())

    def to_csv(self) -> str:
        """Write one row a line, each value in a column of its own."""
        names = {
            column: list(dict.fromkeys(n for line in self.lines for n, _ in _values(line, i)))
            for i, column in enumerate(self.columns)
        }
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        headings = [f"{column} {name}".strip() for column in names for name in names[column]]
        writer.writerow([*self.heads, *headings, "missing"])
        for line in self.lines:
            found = [dict(_values(line, i)) for i in range(len(self.columns))]
            values = [
                of.get(name, "")
                for of, listed in zip(found, names.values(), strict=True)
                for name in listed
            ]
            writer.writerow([*line.heads, *values, line.missing])
        return text.getvalue()

    def to_markdown(self) -> str:
        """Write a table in GitHub's Markdown; what stands below a figure becomes a row."""
        beside = any(figure.beside for line in self.lines for figure in line.figures)
        heads = [*self.heads, *([""] if beside else [])]
        rows = [
            row for line in self.lines for row in _markdown_rows(line, len(self.columns), beside)
        ]
        aligned = ["---"] * len(heads) + ["---:"] * len(self.columns)
        return "\n".join(
            [
                *(
                    f"{text}\n"
                    for text in (self.about, *(f"**{w}**" for w in self.warnings))
                    if text
                ),
                *(_markdown_row(row) for row in ([*heads, *self.columns], aligned, *rows)),
                "",
            ]
        )


def _values(line: Line, column: int) -> Sequence[tuple[str, float | int | str]]:
    return line.figures[column].values if line.figures else ()


def _markdown_rows(line: Line, columns: int, beside: bool) -> list[list[str]]:
    """A row of figures, those for what stands beside them, and one for what is missing."""
    blank = [""] * (columns - 1)
    if not line.figures:
        return [[*line.heads, *([""] if beside else []), line.missing, *blank]]
    rows = [[*line.heads, *([""] if beside else []), *(figure.text for figure in line.figures)]]
    below = [""] * len(line.heads)
    for name in dict.fromkeys(name for figure in line.figures for name, _ in figure.beside):
        rows.append([*below, name, *(dict(f.beside).get(name, "") for f in line.figures)])
    if line.missing:
        rows.append([*below, *([""] if beside else []), line.missing, *blank])
    return rows


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(' '.join(cell.split()).replace('|', '&#124;') for cell in cells)} |"
