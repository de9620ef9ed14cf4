"""Tables of precision@k, against numbers worked out by hand."""

import csv
import io

import pytest

from dlheir.report.content import content_of
from dlheir.report.reading import collect

PAPER_384_48 = (86.23, 86.21, 86.15, 86.08, 69.91)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def tables(*folders):
    content = content_of("made", collect(folders))
    return {part.table.name: part.table for part in content.parts}


def test_mean_and_deviation_over_seeds(made):
    runs = made()
    for seed, first in enumerate((0.70, 0.73, 0.79)):
        runs.add(bits=12, seed=seed, precision=(first, 0.6, 0.5, 0.4, 0.3), expected=first - 0.1)
    runs.add(bits=24, precision=0.9, expected=0.8)
    three, one, *_ = rows(tables(runs.folder)["table1"].to_csv())
    # Mean 74; deviations -4, -1, 5; their squares 16 + 1 + 25 = 42; 42 / 2 = 21.
    assert (three["size"], three["bits"], three["seeds"]) == ("224", "12", "3")
    assert float(three["P@20"]) == pytest.approx(74)
    assert float(three["P@20 std"]) == pytest.approx(21**0.5, abs=1e-4)
    assert float(three["P@20 expected"]) == pytest.approx(64)
    assert float(three["P@20 expected std"]) == pytest.approx(21**0.5, abs=1e-4)
    assert float(three["P@100"]) == pytest.approx(30)
    assert float(three["P@100 std"]) == pytest.approx(0)
    assert float(three["P@100 ceiling"]) == 80
    assert (one["seeds"], one["P@20"], one["P@20 std"]) == ("1", "90.0", "")
    text = tables(runs.folder)["table1"].to_markdown()
    assert "| 224 | 12 | 3 |  | 74.00 ± 4.58 | 60.00 ± 0.00 |" in text
    assert "|  |  |  | expected | 64.00 ± 4.58 |" in text
    assert "| 224 | 24 | 1 |  | 90.00 |" in text
    assert "| ceiling |  |  |  | 100.00 | 100.00 | 100.00 | 100.00 | 80.00 | 100.00 |" in text


def test_the_paper_and_the_difference_stand_in_each_cell(made):
    runs = made()
    for bits in (24, 48):
        runs.add(model="dlheir", data="Corel10K", bits=bits, image_size=384, precision=0.85)
    _, row, *_ = rows(tables(runs.folder)["table1"].to_csv())
    for k, printed in zip((20, 40, 60, 80, 100), PAPER_384_48, strict=True):
        assert float(row[f"P@{k} paper"]) == printed
        assert float(row[f"P@{k} difference"]) == pytest.approx(85 - printed)
    assert "86.23 (-1.23)" in tables(runs.folder)["table1"].to_markdown()
    assert tables(runs.folder)["table1"].warnings == ()


@pytest.mark.parametrize(
    ("model", "data", "settings"),
    [
        ("dlheir_nano", "Corel10K", {}),
        ("dlheir", "Corel5K", {}),
        ("dlheir", "Corel10K", {"model.options.replace_last": 7}),
    ],
)
def test_another_network_or_data_set_is_said_to_be_no_reproduction(made, model, data, settings):
    runs = made()
    for bits in (24, 48):
        runs.add(model=model, data=data, bits=bits, image_size=384, settings=settings)
    table = tables(runs.folder)["table1"]
    assert table.title == f"{model} on {data}, protocol paper"
    (warning,) = table.warnings
    assert (
        "The paper's numbers are of dlheir without options on Corel10K: for orientation only."
        in warning
    )
    assert "P@20 difference" in table.to_csv()


def test_sizes_that_the_paper_does_not_have_stand_alone(made):
    runs = made()
    for bits in (24, 48):
        runs.add(image_size=64, bits=bits)
    table = tables(runs.folder)["table1"]
    assert "paper" not in table.to_csv()
    assert not table.warnings


def test_larger_pictures_first_then_bits(made):
    runs = made()
    for size, bits in ((64, 48), (224, 12), (64, 8), (224, 128)):
        runs.add(image_size=size, bits=bits)
    lines = tables(runs.folder)["table1"].lines
    assert [line.heads[:2] for line in lines] == [
        ("224", "12"), ("224", "128"), ("64", "8"), ("64", "48"), ("ceiling", ""),
    ]  # fmt: skip


def test_cells_without_results_are_in_their_rows(made):
    runs = made()
    for seed in (0, 1):
        runs.plan(runs.add(bits=12, seed=seed).name, model__bits=12, seed_everything=seed)
    failed = runs.add(bits=12, seed=2, finished=False).name
    runs.attempt(failed, 1, "dlheir: no luck")
    runs.plan(failed, model__bits=12, seed_everything=2)
    for seed in (0, 1):
        runs.plan(f"dlheir_nano-24b-224px-s{seed}-00000000", model__bits=24, seed_everything=seed)
    runs.plan("refused-0", "no such folder", model__bits=24, seed_everything=2)
    found = tables(runs.folder)
    partly, nothing, _ = rows(found["table1"].to_csv())
    assert (partly["seeds"], partly["missing"]) == ("2 of 3", "seed 2 failed: no luck")
    assert partly["P@20"] == "50.0"
    assert nothing["seeds"] == "0 of 3"
    assert nothing["missing"] == "seeds 0, 1 missing; seed 2 refused: no such folder"
    assert nothing["P@20"] == ""
    assert nothing["missing"] in found["table1"].to_markdown()
    assert [(row["cell"], row["missing"]) for row in rows(found["missing"].to_csv())] == [
        (failed, "failed: no luck"),
        ("dlheir_nano-24b-224px-s0-00000000", "missing"),
        ("dlheir_nano-24b-224px-s1-00000000", "missing"),
        ("refused-0", "refused: no such folder"),
    ]


def test_data_sets_and_settings_never_share_a_table_1(made):
    runs = made()
    for bits in (12, 24):
        runs.add(bits=bits, data="Corel5K")
        runs.add(bits=bits, data="Corel1K")
        runs.add(bits=bits, data="Corel1K", settings={"model.threshold": "median"})
        runs.add(bits=bits, data="Corel1K", seed=1, results={"data": {"pictures": 999}})
    found = tables(runs.folder)
    titles = {table.title for name, table in found.items() if name.startswith("table1")}
    assert titles == {
        "dlheir_nano on Corel1K, protocol paper, model.threshold 0.5",
        "dlheir_nano on Corel1K, protocol paper",
        "dlheir_nano on Corel5K, protocol paper",
    }
    for name, table in found.items():
        if name.startswith("table1"):
            assert [row["seeds"] for row in rows(table.to_csv())] == ["1", "1", ""]
    # The other threshold is told as an ablation.
    assert found["ablation-threshold"].title == "model.threshold on Corel1K, protocol paper"


def test_two_folders_of_pictures_are_two_data_sets(made):
    runs = made()
    for bits in (12, 24):
        for root in ("/a/birds", "/b/birds", "/a/fish"):
            seed = int(root == "/b/birds")
            runs.add(bits=bits, data="PictureFolder", seed=seed, settings={"data.root": root})
    found = {name: table for name, table in tables(runs.folder).items() if "table1" in name}
    assert {table.title: table.lines[0].heads[-1] for table in found.values()} == {
        "dlheir_nano on PictureFolder birds, protocol paper": "2",
        "dlheir_nano on PictureFolder fish, protocol paper": "1",
    }


def test_runs_with_one_seed_and_other_pictures_are_not_averaged(made):
    runs = made()
    first = runs.add(bits=12, precision=0.4, settings={"data.root": "/here/pictures"})
    again = runs.add(bits=12, precision=0.6, settings={"data.root": "/there/pictures"},
                     results={"split": {"sha256": "f" * 64}})  # fmt: skip
    runs.add(bits=24)
    counted, ignored = sorted((first.name, again.name))
    table = tables(runs.folder)["table1"]
    row = rows(table.to_csv())[0]
    assert row["seeds"] == "1"
    assert row["P@20"] == ("40.0" if counted == first.name else "60.0")
    assert row["missing"] == f"seed 0 again: {ignored} is not counted"


def test_different_splits_of_a_seed_are_said(made):
    runs = made()
    runs.add(bits=12)
    runs.add(bits=24, results={"split": {"sha256": "f" * 64}})
    assert tables(runs.folder)["table1"].warnings == (
        "The paper's numbers are of dlheir without options on Corel10K: for orientation only.",
        "Different pictures or splits with seed 0.",
    )


def test_other_code_and_libraries_are_said_with_the_runs(made):
    runs = made()
    for bits in (12, 24, 32, 48, 64):
        other = bits == 64
        run = runs.add(
            bits=bits,
            image_size=32,
            results={
                "code_sha256": ("b" if other else "a") * 64,
                "git_commit": "0123456789-dirty" if other else "fedcba9876",
                "versions": {"torch": "2.11.0" if other else "2.15.0"},
            },
        )
    assert tables(runs.folder)["table1"].warnings == (
        f"Not all by the same code: aaaaaaaa (4 runs), bbbbbbbb ({run.name}).",
        f"Not all by the same git commit: fedcba98 (4 runs), 01234567-dirty ({run.name}).",
        f"Not all by the same torch: 2.15.0 (4 runs), 2.11.0 ({run.name}).",
    )


def test_a_setting_that_stands_alone_has_its_line(made):
    runs = made()
    runs.add(image_size=32)
    (line, _) = tables(runs.folder)["others"].lines
    assert line.heads == ("dlheir_nano", "32", "48", "1")
    assert line.figures[0].text == "50.00"


def test_ks_that_only_some_runs_have(made):
    runs = made()
    runs.add(bits=12, image_size=32)
    kinds = ("precision", "expected_precision", "precision_ceiling")
    runs.add(bits=24, image_size=32, results={kind: {"7": 0.25} for kind in kinds})
    table = tables(runs.folder)["table1"]
    assert table.columns == ("P@7", "P@20", "P@40", "P@60", "P@80", "P@100", "mAP")
    assert [line.figures[0].text for line in table.lines] == ["", "25.00"]
