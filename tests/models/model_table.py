"""The table of models in dlheir/models/README.md."""

from pathlib import Path

import dlheir.models

README = Path(dlheir.models.__file__).with_name("README.md")


def read_rows():
    """Return the cells of each model by column."""
    lines = [line for line in README.read_text().splitlines() if line.startswith("| ")]
    header, *rows = map(cells_of, lines)
    return {row[0].strip("`"): dict(zip(header, row, strict=True)) for row in rows}


def cells_of(line):
    return [cell.strip() for cell in line[1:-1].split("|")]
