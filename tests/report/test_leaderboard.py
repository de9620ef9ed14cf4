"""The leaderboard, written from run folders alone."""

import csv
import io
import re
from contextlib import contextmanager

import pytest

from dlheir.errors import InputError
from dlheir.report import leaderboard_plot
from dlheir.report.groups import rows_of
from dlheir.report.main import main, write_leaderboard
from dlheir.report.methods import boards_of
from dlheir.report.reading import collect

OBJECTIVE, RATE, OPTION = "model.objective", "model.learning_rate", "model.objective_options.margin"


class Read:
    """A leaderboard's files, read back."""

    def __init__(self, file):
        self.text = file.read_text()
        self.rows = list(csv.DictReader(io.StringIO(file.with_suffix(".csv").read_text())))

    def section(self, heading):
        """Lines under a heading of the second level."""
        return self.text.split(f"\n## {heading}\n")[1].split("\n## ")[0]

    def table(self, heading, title):
        """Cells of a table, line by line, without its heads."""
        lines = self.section(heading).split(f"\n### {title}\n")[1].split("\n### ")[0].splitlines()
        lines = [line for line in lines if line.startswith("| ")]
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]

    def row(self, **what):
        """The one line of the CSV with some values."""
        found = [row for row in self.rows if all(row[k] == str(v) for k, v in what.items())]
        (row,) = found
        return row


@pytest.fixture
def board(tmp_path):
    """Write a leaderboard about some folders, and read it back."""

    def board(*folders):
        file = tmp_path / "boards" / "board.md"
        write_leaderboard(folders, file)
        return Read(file)

    return board


def add(runs, objective, by_bits, seeds=(0, 1, 2), settings=None, results=None, **others):
    """Add runs whose expected P@20 has these means; over three seeds its deviation is 0.01."""
    for bits, mean in by_bits.items():
        for number, seed in enumerate(seeds):
            value = mean + 0.01 * (number - (len(seeds) - 1) / 2)
            runs.add(
                bits=bits,
                seed=seed,
                precision=0.99,
                expected=value,
                settings={OBJECTIVE: objective, **(settings or {})},
                results={"expected_map": value / 2, **(results or {})},
                **others,
            )


@pytest.fixture
def filled(made):
    """Three trained objectives and two baselines at two code lengths."""
    runs = made()
    add(runs, "itq", {12: 0.40, 48: 0.50})
    add(runs, "random_projection", {12: 0.10, 48: 0.20})
    add(runs, "csq", {12: 0.45, 48: 0.55}, settings={RATE: 0.05, OPTION: 2})
    add(runs, "dsh", {12: 0.41, 48: 0.49}, settings={RATE: 0.02})
    add(runs, "dpsh", {12: 0.50, 48: 0.30})
    return runs


DATA = "Generated, protocol paper"


def test_best_at_the_most_bits_first_and_the_best_of_each_column_bold(filled, board):
    lines = board(filled.folder).table(DATA, "Expected P@20")
    assert [line[0] for line in lines] == [
        "csq", "itq (untrained)", "dsh", "dpsh", "random_projection (untrained)", "ceiling",
    ]  # fmt: skip
    assert [line[4:] for line in lines] == [
        ["45.00 ± 1.00", "**55.00 ± 1.00**"],
        ["40.00 ± 1.00", "50.00 ± 1.00"],
        ["41.00 ± 1.00", "49.00 ± 1.00"],
        ["**50.00 ± 1.00**", "30.00 ± 1.00"],
        ["10.00 ± 1.00", "20.00 ± 1.00"],
        ["100.00", "100.00"],
    ]
    by_map = board(filled.folder).table(DATA, "Expected mAP")
    assert by_map[0][:1] + by_map[0][4:] == ["csq", "22.50 ± 0.50", "**27.50 ± 0.50**"]


def test_trained_objectives_are_held_against_itq_at_each_length(filled, board):
    read = board(filled.folder)
    assert {line[0]: line[2] for line in read.table(DATA, "Expected P@20")} == {
        "csq": "all", "dsh": "12", "dpsh": "12", "itq (untrained)": "-",
        "random_projection (untrained)": "-", "ceiling": "",
    }  # fmt: skip
    reached = {(row["objective"], row["bits"]): row["reaches_itq"] for row in read.rows}
    assert reached["dsh", "12"] == "1"
    assert reached["dsh", "48"] == "0"
    assert reached["itq", "48"] == reached["random_projection", "48"] == ""


def test_an_objective_that_is_nowhere_as_good_and_one_without_itq(made, board):
    runs = made()
    add(runs, "itq", {12: 0.4})
    add(runs, "dsh", {12: 0.39, 24: 0.9})
    add(runs, "csq", {12: 0.9}, model="alexnet")  # other features: that ITQ is not its baseline
    read = board(runs.folder)
    told = {line[0]: line[2] for line in read.table(DATA, "Expected P@20")}
    assert told["dsh"] == "none"
    assert told["csq"] == "-"


def test_what_differs_describes_a_method_and_what_does_not_is_common(filled, board):
    read = board(filled.folder)
    options = {line[0]: line[1] for line in read.table(DATA, "Expected P@20")}
    assert options["csq"] == "learning_rate 0.05, objective_options.margin 2"
    assert options["dsh"] == "learning_rate 0.02"
    assert options["itq (untrained)"] == ""  # it takes no steps
    section = read.section(DATA)
    assert "Network: dlheir_nano, 224 px." in section
    assert "trainer.max_epochs " in section
    assert "model.learning_rate" not in section


def test_a_learning_rate_chosen_for_each_length_splits_nothing(made, board):
    runs = made()
    for bits, rate in ((12, 0.1), (24, 0.1), (48, 0.02)):
        add(runs, "csq", {bits: 0.5}, settings={RATE: rate})
    ((*_, seeds, at_12, _, at_48), _) = board(runs.folder).table(DATA, "Expected P@20")
    assert (seeds, at_12, at_48) == ("3", "**50.00 ± 1.00**", "**50.00 ± 1.00**")
    ((_, options, *_), _) = board(runs.folder).table(DATA, "Expected P@20")
    assert options == "learning_rate 0.1 / 0.02"


def test_two_learning_rates_at_one_length_are_two_methods(made, board):
    runs = made()
    for rate in (0.1, 0.02):
        add(runs, "csq", {12: rate, 24: rate}, settings={RATE: rate})
    lines = board(runs.folder).table(DATA, "Expected P@20")
    assert [line[1] for line in lines[:2]] == ["learning_rate 0.1", "learning_rate 0.02"]


def test_protocols_and_data_sets_have_sections_of_their_own(made, board):
    runs, others = made("one"), made("two")
    for number, protocol in enumerate(("paper", "disjoint", "unseen_classes"), start=1):
        add(runs, "itq", {12: number / 10}, protocol=protocol, data="Corel5K")
    add(others, "itq", {12: 0.9}, data="Corel1K")
    read = board(runs.folder, others.folder)
    assert re.findall(r"^## (.*)$", read.text, re.MULTILINE) == [
        "Corel1K, protocol paper", "Corel5K, protocol disjoint", "Corel5K, protocol paper",
        "Corel5K, protocol unseen_classes",
    ]  # fmt: skip
    for number, protocol in enumerate(("paper", "disjoint", "unseen_classes"), start=1):
        (line, _) = read.table(f"Corel5K, protocol {protocol}", "Expected P@20")
        assert line[-1] == f"**{10 * number}.00 ± 1.00**"
        assert read.row(data="Corel5K", protocol=protocol)["expected_P@20"] == f"{10 * number}.0000"
    sentences = {read.section(f"Corel5K, protocol {name}").split("\n- ")[1]
                 for name in ("paper", "disjoint", "unseen_classes")}  # fmt: skip
    assert len(sentences) == 3
    assert "dlheir report runs/one runs/two --leaderboard board.md" in read.text


def test_seeds_that_lack_are_said(made, board):
    runs = made()
    add(runs, "itq", {12: 0.4, 24: 0.5})
    add(runs, "csq", {12: 0.5}, seeds=(0, 1))
    failed = runs.add(bits=12, seed=2, finished=False, settings={OBJECTIVE: "csq"})
    runs.attempt(failed.name, 1, "dlheir: no luck")
    add(runs, "dsh", {12: 0.1, 24: 0.1}, seeds=(1,))
    read = board(runs.folder)
    lines = {line[0]: line[3:] for line in read.table(DATA, "Expected P@20")}
    assert lines["csq"] == ["2", "**50.00 ± 0.71** (2 seeds)", "-"]
    assert lines["dsh"] == ["1", "10.00 (1 seed)", "10.00 (1 seed)"]
    assert "- csq, 12 bits: seed 2 failed: no luck\n- csq, 24 bits: no runs\n" in read.text
    assert "- dsh, 12 bits: no run with seed 0, 2\n" in read.text
    assert read.row(objective="csq", bits=12)["missing"] == "seed 2 failed: no luck"
    assert read.row(objective="itq", bits=12)["missing"] == ""


def test_csv_has_every_metric_and_the_runs(made, board):
    runs = made()
    found = {
        "map": {"100": 0.7, "all": 0.6},
        "hamming_radius_2": {"precision": 0.5, "recall": 0.25, "empty": 0.125},
        "expected_map": 0.65,
    }
    ids = [runs.add(bits=12, seed=seed, precision=(0.8, 0.4, 0.3, 0.2, 0.1),
                    expected=(0.7, 0.3, 0.2, 0.1, 0.1),
                    results=found).name for seed in (0, 1)]  # fmt: skip
    row = board(runs.folder).row(bits=12)
    expected = {
        "P@20": 80, "P@40": 40, "expected_P@20": 70, "expected_P@40": 30, "ceiling_P@20": 100,
        "expected_mAP": 65, "mAP@100": 70, "mAP@all": 60, "radius_2_precision": 50,
        "radius_2_recall": 25, "radius_2_empty": 12.5,
    }  # fmt: skip
    assert {name: float(row[name]) for name in expected} == pytest.approx(expected)
    assert float(row["P@20_std"]) == 0
    assert row["run_ids"].split() == sorted(ids)
    assert (row["network"], row["image_size"], row["untrained"]) == ("dlheir_nano", "224", "0")


def test_figures_of_the_field_stand_at_the_most_bits(made, board):
    runs = made()
    for bits in (12, 48):
        for objective, value in (("csq", 0.5), ("dsh", 0.6)):
            near = {"precision": value / 2, "recall": 0.1, "empty": 0.125}
            depths = {"100": 0.9 if objective == "csq" else 0.1, "all": value + bits / 1000}
            runs.add(bits=bits, settings={OBJECTIVE: objective},
                     results={"map": depths, "hamming_radius_2": near})  # fmt: skip
    lines = board(runs.folder).table(DATA, "By the field's conventions, 48 bits")
    assert [[line[0], *line[2:]] for line in lines] == [
        ["dsh", "10.00", "**64.80**", "**30.00**", "12.50"],
        ["csq", "**90.00**", "54.80", "25.00", "12.50"],
    ]


def test_depths_that_only_some_databases_reach_are_left_out(made, board):
    runs = made()
    for seed, depths in enumerate(({"1000": 0.5, "all": 0.4}, {"all": 0.4})):
        counts = {"database": 1001 - seed, "queries": 9, "training": 9, "validation": 0}
        runs.add(bits=12, seed=seed, protocol="unseen_classes",
                 results={"map": depths, "split": {"counts": counts}})  # fmt: skip
    read = board(runs.folder)
    assert "mAP@1000" not in read.text
    assert "mAP@1000" not in read.rows[0]
    assert read.rows[0]["database"] == "1000-1001"


def test_all_seeds_are_of_the_same_code_or_it_is_said(made, board):
    runs = made()
    add(runs, "itq", {12: 0.4}, results={"code_sha256": "a" * 64, "git_commit": "b" * 40})
    assert "code aaaaaaaa, commit bbbbbbbb." in board(runs.folder).text
    assert "Not all" not in board(runs.folder).text
    add(runs, "csq", {12: 0.5}, results={"code_sha256": "c" * 64, "git_commit": "b" * 40})
    assert "Not all by the same code: " in board(runs.folder).text


def test_only_the_leaderboard_is_written_unless_a_place_for_the_page_is_given(
    filled, tmp_path, capsys
):
    file = tmp_path / "leaderboard.md"
    main([str(filled.folder), "--leaderboard", str(file)])
    assert capsys.readouterr().out == f"{file} (30 cells: 30 done)\n"
    assert file.is_file()
    assert "](leaderboard.png)" in file.read_text()
    assert not (filled.folder / "report").exists()
    main([str(filled.folder), "--leaderboard", str(file), "--out", str(tmp_path / "page")])
    assert (tmp_path / "page" / "index.html").is_file()


def test_the_same_folders_give_the_same_files(filled, tmp_path):
    for name in ("one", "two"):
        write_leaderboard([filled.folder], tmp_path / name / "board.md")
    for file in ("board.md", "board.csv", "board.png"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_places_and_folders_that_make_no_leaderboard(made, tmp_path):
    runs = made()
    run = runs.add(finished=False)
    for file, why in (
        (tmp_path / "board.txt", r"end it in \.md"),
        (run / "board.md", "a run's folder"),
        (tmp_path / "board.md", "no run there has results"),
    ):
        with pytest.raises(InputError, match=why) as error:
            write_leaderboard([runs.folder], file)
        assert "\n" not in str(error.value)
        assert not file.exists()


def test_each_protocol_is_a_panel_with_a_line_for_each_method(made, monkeypatch):
    panels = []
    drawn_beside = leaderboard_plot.drawn_beside

    @contextmanager
    def remembered(*arguments):
        with drawn_beside(*arguments) as found:
            panels.append(found)
            yield found

    monkeypatch.setattr(leaderboard_plot, "drawn_beside", remembered)
    runs = made("runs")
    for number, protocol in enumerate(("paper", "disjoint")):
        add(runs, "csq", {12: 0.2 + number / 10, 48: 0.6}, protocol=protocol)
        add(runs, "itq", {48: 0.5}, protocol=protocol)
    content = leaderboard_plot.to_png(boards_of(rows_of(collect([runs.folder]).cells)))
    assert content.startswith(b"\x89PNG")
    (found,) = panels
    disjoint, paper = [
        {line.get_label(): line.get_xydata().round(6).tolist() for line in axes.lines}
        for axes in found.axes
    ]
    assert paper == {"csq": [[12, 20], [48, 60]], "itq (untrained)": [[48, 50]]}
    assert disjoint == {"csq": [[12, 30], [48, 60]], "itq (untrained)": [[48, 50]]}
