"""Figures of different protocols never share a table, a plot or a row."""

import csv
import io

import pytest

from dlheir.report.content import content_of
from dlheir.report.groups import rows_of
from dlheir.report.reading import collect

PROTOCOLS = ("paper", "disjoint", "unseen_classes")


def contents(*folders):
    return content_of("made", collect(folders))


@pytest.fixture
def mixed(made):
    """Runs of three protocols of one data set in one folder, each with figures of its own."""
    runs = made()
    for number, protocol in enumerate(PROTOCOLS, start=1):
        for bits in (12, 24):
            for threshold in (0.4, 0.5):
                runs.add(
                    bits=bits,
                    image_size=32,
                    data="Corel5K",
                    protocol=protocol,
                    precision=number / 10,
                    settings={"model.threshold": threshold},
                )
    return runs


def test_every_table_is_of_one_protocol_and_names_it(mixed):
    content = contents(mixed.folder)
    tables = [part.table for part in content.parts if part.table.name != "table2"]
    assert len(tables) >= 2 * len(PROTOCOLS)  # Table 1 and an ablation of each
    for table in tables:
        (protocol,) = [name for name in PROTOCOLS if f"Corel5K, protocol {name}" in table.title]
        assert f"protocol {protocol}" in table.about
        rows = list(csv.DictReader(io.StringIO(table.to_csv())))
        own = 100 * (PROTOCOLS.index(protocol) + 1) / 10
        assert {float(row["P@20"]) for row in rows if row["P@20"]} == {own}
        for plot in [p for part in content.parts if part.table is table for p in part.plots]:
            assert f"protocol {protocol}" in plot.title


def test_figures_of_the_paper_stand_only_beside_its_protocol(made):
    runs = made()
    for protocol in ("paper", "disjoint"):
        for bits in (24, 48):
            runs.add(model="dlheir", data="Corel10K", bits=bits, image_size=384, protocol=protocol)
    tables = {part.table.title: part.table for part in contents(runs.folder).parts}
    assert "P@20 paper" in tables["dlheir on Corel10K, protocol paper"].to_csv()
    assert "P@20 paper" not in tables["dlheir on Corel10K, protocol disjoint"].to_csv()


def test_a_cell_without_results_stands_with_its_own_protocol(made):
    runs = made()
    for protocol in ("paper", "disjoint"):
        runs.add(bits=12, data="Corel5K", protocol=protocol)
        runs.add(bits=24, data="Corel5K", protocol=protocol, finished=protocol == "paper")
    rows = rows_of(collect([runs.folder]).cells)
    assert {(row.data.protocol, row.bits): bool(row.done) for row in rows} == {
        ("paper", 12): True, ("paper", 24): True, ("disjoint", 12): True, ("disjoint", 24): False,
    }  # fmt: skip


def test_nothing_is_known_of_a_protocol_but_its_name(made):
    runs = made()
    runs.add(bits=12, data="Corel5K")
    runs.add(bits=24, data="Corel5K", protocol="disjoint", finished=False)
    (row,) = [row for row in rows_of(collect([runs.folder]).cells) if not row.done]
    assert str(row.data) == "Corel5K, protocol disjoint"


def test_seeds_that_draw_classes_of_other_sizes_are_one_row(made):
    runs = made()
    for seed, database in enumerate((780, 779, 780)):
        counts = {"database": database, "queries": 195, "training": 4000, "validation": 0}
        results = {"split": {"counts": counts}, "data": {"classes": 48, "trained_classes": 36}}
        runs.add(bits=12, seed=seed, protocol="unseen_classes", results=results)
    (row,) = rows_of(collect([runs.folder]).cells)
    assert len(row.done) == 3
    assert str(row.data) == (
        "Generated: 30 pictures of 48 classes (36 trained), 195 queries against 779 to 780, "
        "protocol unseen_classes"
    )


def test_databases_of_other_sizes_are_other_sets_under_other_protocols(made):
    runs = made()
    for seed, database in enumerate((780, 779)):
        counts = {"database": database, "queries": 195, "training": 400, "validation": 0}
        runs.add(bits=12, seed=seed, protocol="disjoint", results={"split": {"counts": counts}})
    assert len(rows_of(collect([runs.folder]).cells)) == 2
