"""`dlheir benchmark`: what it prints and writes of what benchmarks find."""

import json
import sys
from types import SimpleNamespace

import pytest

from dlheir.benchmarks.figure import Figure
from dlheir.benchmarks.main import BENCHMARKS
from dlheir.errors import WorkError

FOUND = [
    Figure("sorting", 2.5, "times", 2.0, 5.0, "the other way", target=3, repeats=7),
    Figure("starting", 0.25, "s", target=0.3),
    Figure("reading", 1234.5, "MB/s"),
]


@pytest.fixture
def quick(monkeypatch):
    """Two benchmarks that take no time, the second of which fails; and how they were called."""
    called = []

    def measure(quick):
        called.append(quick)
        return FOUND

    def fail(quick):
        raise WorkError("the second one failed")

    for name, work in (("stand_in", measure), ("failing", fail)):
        monkeypatch.setitem(BENCHMARKS, name, "nothing")
        monkeypatch.setitem(sys.modules, f"dlheir.benchmarks.{name}", SimpleNamespace(measure=work))
    return called


def test_json_goes_to_stdout_and_file(main, quick, tmp_path):
    file = tmp_path / "found.json"
    finished = main("benchmark", "stand_in", "--quick", "--out", file, "--json")
    assert finished.code == 0
    found = json.loads(finished.out)
    assert json.loads(file.read_text()) == found
    assert quick == [True] == [found["quick"]]
    assert found.keys() == {"machine", "date", "quick", "benchmarks"}
    first, second, third = found["benchmarks"]["stand_in"]
    assert first == {
        "name": "sorting",
        "value": 2.5,
        "unit": "times",
        "ours": 2.0,
        "other": 5.0,
        "against": "the other way",
        "target": 3,
        "repeats": 7,
        "met": False,
    }
    assert (second["met"], third["met"]) == (True, None)


def test_a_table_goes_to_the_terminal(main, quick):
    finished = main("benchmark", "stand_in")
    assert finished.code == 0
    assert quick == [False]
    assert " cores; " in finished.out.splitlines()[0]
    rows = [line.split("│")[1:-1] for line in finished.out.splitlines() if "│" in line]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["sorting", "the other way", "2 s", "5 s", "2.5", "times", "≥ 3", "no"],
        ["starting", "", "", "", "0.25", "s", "≤ 0.3", "yes"],
        ["reading", "", "", "", "1,234", "MB/s", "", ""],
    ]


def test_what_was_found_before_stands_beside(main, quick, tmp_path):
    file = tmp_path / "found.json"
    main("benchmark", "stand_in", "--out", file)
    text = file.read_text().replace("2.0", "4.5").replace("1234.5", "7")
    file.write_text(text.replace('"starting"', '"starting up"'))
    finished = main("benchmark", "stand_in", "--before", file)
    assert finished.code == 0
    rows = [line.split("│")[1:-1] for line in finished.out.splitlines() if "│" in line]
    assert [[cell.strip() for cell in row][2:5] for row in rows] == [
        ["4.5 s", "2 s", "5 s"],
        ["", "", ""],  # by another name there is nothing
        ["7", "", ""],
    ]
    assert "before" in finished.out


@pytest.mark.parametrize("content", [None, "{", "[]", '{"benchmarks": {"search": [{"name": 1}]}}'])
def test_other_files_than_earlier_figures_are_refused(main, quick, tmp_path, content):
    file = tmp_path / "before.json"
    if content is not None:
        file.write_text(content)
    finished = main("benchmark", "stand_in", "--before", file)
    assert finished.code == 2
    (line,) = finished.complaints
    assert line.startswith(f"dlheir: --before {file}: no --out of dlheir benchmark: ")
    assert not quick


def test_what_was_measured_stays_when_a_later_one_fails(main, quick, tmp_path):
    file = tmp_path / "found.json"
    finished = main("benchmark", "stand_in", "failing", "--out", file)
    assert finished.code == 1
    assert finished.complaints == ["dlheir: the second one failed"]
    assert json.loads(file.read_text())["benchmarks"].keys() == {"stand_in"}


def test_no_name_stands_for_all(main, quick, monkeypatch):
    for name in set(BENCHMARKS) - {"stand_in"}:
        monkeypatch.delitem(BENCHMARKS, name)
    finished = main("benchmark", "--json")
    assert json.loads(finished.out)["benchmarks"].keys() == {"stand_in"}


def test_a_missing_folder_is_refused_before_anything_is_measured(main, quick, tmp_path):
    file = tmp_path / "missing" / "found.json"
    finished = main("benchmark", "stand_in", "--out", file)
    assert finished.code == 2
    assert finished.complaints == [f"dlheir: --out {file}: there is no folder {file.parent}"]
    assert not quick
