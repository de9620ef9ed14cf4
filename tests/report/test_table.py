"""Tables as CSV and Markdown."""

import csv
import io

import pytest

from dlheir.report.table import Figure, Line, Table


@pytest.fixture
def table():
    served = Figure("7.00 ± 1.00", (("paper", "6.00"),), (("", 7.0), ("paper", 6.0)))
    return Table(
        "small",
        "A small table",
        ("bits", "which, exactly"),
        ("P@20", "P@40"),
        (
            Line(("12", 'a|b "c"'), (served, Figure("8.00", values=(("", 8.0),)))),
            Line(("24", ""), (), "failed: no\nluck, none"),
            Line(("48", ""), (served, Figure()), "seed 1 missing"),
        ),
        "On something.",
        ("Mind this.",),
    )


def test_csv_has_a_column_for_each_value(table):
    assert list(csv.reader(io.StringIO(table.to_csv()))) == [
        ["bits", "which, exactly", "P@20", "P@20 paper", "P@40", "missing"],
        ["12", 'a|b "c"', "7.0", "6.0", "8.0", ""],
        ["24", "", "", "", "", "failed: no\nluck, none"],
        ["48", "", "7.0", "6.0", "", "seed 1 missing"],
    ]


def test_markdown_has_a_line_for_what_stands_beside(table):
    assert table.to_markdown().splitlines() == [
        "On something.",
        "",
        "**Mind this.**",
        "",
        "| bits | which, exactly |  | P@20 | P@40 |",
        "| --- | --- | --- | ---: | ---: |",
        '| 12 | a&#124;b "c" |  | 7.00 ± 1.00 | 8.00 |',
        "|  |  | paper | 6.00 |  |",
        "| 24 |  |  | failed: no luck, none |  |",
        "| 48 |  |  | 7.00 ± 1.00 |  |",
        "|  |  | paper | 6.00 |  |",
        "|  |  |  | seed 1 missing |  |",
    ]
