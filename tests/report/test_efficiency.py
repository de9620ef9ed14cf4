"""Table 3 and Figures 4 to 6 of a comparison whose every number is known."""

import csv
import io
import json

import pytest

from dlheir.comparison.record import FILE, read_comparison
from dlheir.report import paper
from dlheir.report.efficiency import parts_of
from dlheir.report.main import write_report

MACHINE = {"cpu": "Abacus", "cores": 4, "threads": 2}


def by_size(*values):
    return {size: {"median": of} for size, of in zip(("2000", "10000"), values, strict=True)}


def once(value):
    return {"any": {"median": value, "quartiles": [value / 2, 2 * value], "of": 3}}


def system(title, name, bits=None, **seconds):
    return {"title": title, "name": name, "options": {}, "bits": bits, "seconds": seconds}


@pytest.fixture
def compared(tmp_path):
    """Make a comparison of some systems."""

    def compared(*systems):
        folder = tmp_path / "Corel5K-00000000"
        folder.mkdir()
        content = {
            "schema": 1,
            "settings": {},
            "machine": MACHINE,
            "data": {"name": "Corel5K", "real": 4900, "painted": 5100, "size": [192, 128]},
            "systems": systems,
        }
        (folder / FILE).write_text(json.dumps(content))
        return read_comparison(folder)

    return compared


def rows_of(table):
    return {row["system"]: row for row in csv.DictReader(io.StringIO(table.to_csv()))}


def test_table_3_stands_beside_the_papers(compared):
    found = compared(
        system("ours", "network", 48, search=by_size(0.001, 0.004)),
        system("Xia", "xia_scd", search=by_size(0.002, 0.003)),
        system("histogram", "hsv_histogram", search=by_size(0.01, 2.5)),
    )
    ((table, plot),) = parts_of(found)
    assert (table.name, plot.name) == ("table3", "table3")
    rows = rows_of(table)
    ours = rows["ours"]
    assert (ours["2,000 pictures seconds"], ours["10,000 pictures seconds"]) == ("0.001", "0.004")
    assert (ours["2,000 pictures paper"], ours["10,000 pictures paper"]) == ("0.58", "1.249")
    assert float(ours["growth"]) == 4
    assert float(ours["growth paper"]) == pytest.approx(1.249 / 0.58)
    # At 10,000 pictures, ours is second of three, and the paper's with 48 bits fourth of seven.
    assert (ours["place"], ours["place paper"]) == ("2", "4")
    assert (rows["Xia"]["place"], rows["Xia"]["place paper"]) == ("1", "6")
    assert (rows["histogram"]["place"], rows["histogram"]["place paper"]) == ("3", "")
    assert [figure.text for figure in table.lines[2].figures[:2]] == ["10 ms", "2.5 s"]
    assert "no unit" in table.about
    assert "4,900 real and 5,100 painted" in table.about
    assert "Abacus" in table.about


def test_figure_4_is_there_with_and_without_loading(compared):
    found = compared(
        system("ours", "network", 48, features=by_size(10, 50), load=once(3)),
        system("Xia", "xia_scd", features=by_size(20, 100)),
    )
    (without, _), (loaded, _) = parts_of(found)
    assert (without.name, loaded.name) == ("figure4", "figure4-with-loading")
    assert [line.heads for line in without.lines] == [("ours",), ("Xia",)]
    assert rows_of(without)["Xia"]["10,000 pictures seconds"] == "100.0"
    assert [line.heads for line in loaded.lines] == [("ours",)]  # nobody timed Xia's
    assert rows_of(loaded)["ours"]["2,000 pictures seconds"] == "13.0"
    assert rows_of(loaded)["ours"]["10,000 pictures seconds"] == "53.0"


def test_figures_5_and_6(compared):
    found = compared(
        system("ours", "network", 48, index=by_size(0.0001, 0.0002), trapdoor=once(0.2)),
        system("Xia", "xia_scd", trapdoor=once(0.01)),
    )
    (index, _), (trapdoor, plot) = parts_of(found)
    assert (index.name, trapdoor.name, plot.name) == ("figure5", "figure6", "figure6")
    assert list(rows_of(index)) == ["ours"]
    assert trapdoor.columns == ("median", "lower quartile", "upper quartile")
    assert list(rows_of(trapdoor)["ours"].values()) == ["ours", "0.2", "0.1", "0.4", ""]
    assert [figure.text for figure in trapdoor.lines[1].figures] == ["10 ms", "5 ms", "20 ms"]


def test_trapdoors_alone(compared):
    ((table, _),) = parts_of(compared(system("ours", "network", 48, trapdoor=once(0.2))))
    assert table.name == "figure6"


def test_nothing_measured_is_nothing_told(compared):
    assert parts_of(compared(system("ours", "network", 48))) == []


def test_sizes_that_one_system_lacks_stay_empty(compared):
    found = compared(
        system("all", "qin", search=by_size(1, 2)),
        system("some", "xia_csd", search={"2000": {"median": 5}}),
    )
    ((table, _),) = parts_of(found)
    some = rows_of(table)["some"]
    assert (some["2,000 pictures seconds"], some["10,000 pictures seconds"]) == ("5.0", "")
    assert (some["growth"], some["place"]) == ("", "")


def test_many_systems_look_different(compared):
    systems = [system(f"s{i}", "qin", search=by_size(1 + i, 2 + i)) for i in range(12)]
    ((table, plot),) = parts_of(compared(*systems))
    assert len(table.lines) == 12
    assert all(f">s{i}<" in plot.svg for i in range(12))


def test_a_report_of_a_comparison_alone(compared, tmp_path):
    found = compared(system("ours", "network", 48, search=by_size(1, 2), trapdoor=once(1)))
    write_report([found.path], tmp_path / "report")
    files = {p.relative_to(tmp_path / "report").as_posix() for p in tmp_path.rglob("report/*/*")}
    assert {"tables/table3.csv", "tables/figure6.csv"} <= files
    assert {"plots/table3.png", "plots/figure6.png"} <= files


def test_the_papers_table_3_is_as_printed():
    assert all(len(row) == len(paper.PICTURES) for row in paper.SEARCH.values())
    assert all(list(row) == sorted(row) for row in paper.SEARCH.values())
    assert len(paper.SEARCH) == 7
    # Its own words: it grows with the collection and with the bits, and beats the others.
    ours = [paper.SEARCH[paper.MODEL, bits] for bits in (12, 24, 32, 48)]
    assert ours[0][2] == ours[1][2] == 0.637  # printed twice
    assert max(ours[3]) < min(max(paper.SEARCH[name, None]) for name in ("xia_scd", "qin"))
