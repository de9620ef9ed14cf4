"""Table 2 and precision over operations."""

import csv
import io
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlheir.report.content import content_of
from dlheir.report.cost import pareto_front, table2
from dlheir.report.groups import Summary, rows_of
from dlheir.report.reading import collect

HUNDRED = {"classes": 100, "trained_classes": 100}


def table(runs, name):
    content = content_of("made", collect([runs.folder]))
    (found,) = [part.table for part in content.parts if part.table.name == name]
    return list(csv.DictReader(io.StringIO(found.to_csv())))


def counts(parameters, macs, keras=17_663_636, mflops=158.339):
    return {
        "parameters": parameters,
        "keras_parameters": keras,
        "macs": macs,
        "paper_parameters": keras / 1e5,
        "paper_mflops": mflops,
    }


def test_table_2_has_a_line_for_each_network_and_the_papers_beside(made):
    runs = made()
    small, large = counts(17_482_036, 4_261_599_872), counts(17_482_036, 12_523_876_032)
    for seed in (0, 1):
        for size, counted in ((224, small), (384, large)):
            runs.add(model="dlheir", image_size=size, seed=seed,
                     results={"complexity": counted, "data": HUNDRED})  # fmt: skip
    runs.add(model="dlheir", image_size=224, settings={"model.options.replace_last": 7},
             results={"complexity": counts(19, 20, 21, 22.0), "data": HUNDRED})  # fmt: skip
    runs.add(model="dlheir", image_size=224, bits=12, finished=False)
    seven, default = table(runs, "table2")
    assert default == {
        "network": "dlheir",
        "bits": "48",
        "model.options.replace_last": "default",
        "classes": "100",
        "parameters": "17482036",
        "Keras count": "17663636",
        "Keras / 1e5": "176.6364",
        "Keras / 1e5 paper": "176.64",
        "“MFLOPs”": "158.339",
        "“MFLOPs” paper": "158.25",
        "MACs at 224 px": "4261599872",
        "MACs at 384 px": "12523876032",
        "missing": "",
    }
    assert seven["parameters"] == "19"
    assert seven["Keras / 1e5 paper"] == ""  # it is not the paper's network
    assert seven["MACs at 384 px"] == ""


def test_options_that_change_nothing_are_the_papers_network(made):
    runs = made()
    results = {"complexity": counts(17_482_036, 4_261_599_872), "data": HUNDRED}
    runs.add(model="dlheir", results=results)
    runs.add(model="dlheir", results=results, settings={"model.options.replace_last": 14})
    rows = rows_of(collect([runs.folder]).cells)
    for ordered in (rows, rows[::-1]):
        (line,) = table2(ordered).lines
        assert line.heads == ("dlheir", "48", "100")
        assert line.figures[2].beside == (("paper", "176.64"),)


def test_other_numbers_of_classes_are_other_networks(made):
    runs = made()
    runs.add(model="dlheir", results={"complexity": counts(5, 6), "data": {"trained_classes": 50}})
    (row,) = table(runs, "table2")
    assert row["classes"] == "50"
    assert "Keras / 1e5 paper" not in row


def test_the_front_is_marked(made):
    runs = made()
    for bits, macs, precision in ((12, 100, 0.5), (24, 200, 0.4), (32, 300, 0.7), (48, 300, 0.6)):
        runs.add(bits=bits, precision=precision, results={"complexity": counts(1, macs)})
    rows = table(runs, "cost")
    assert [(row["bits"], row["MACs"], row["on the front"]) for row in rows] == [
        ("12", "100", "1"), ("24", "200", "0"), ("32", "300", "1"), ("48", "300", "0"),
    ]  # fmt: skip


@dataclass(frozen=True)
class Point:
    macs: int
    precision: int

    def complexity(self, name):
        assert name == "macs"
        return self.macs

    def summary(self, kind, k):
        assert (kind, k) == ("precision", 20)
        return Summary(self.precision, None)


@given(st.lists(st.builds(Point, st.integers(1, 6), st.integers(0, 6)), unique=True))
def test_nothing_beats_the_front(points):
    def beaten(point):
        return any(
            other.macs <= point.macs and other.precision >= point.precision and other != point
            for other in points
        )

    front = pareto_front(points, 20)
    assert set(front) == {point for point in points if not beaten(point)}
    assert front == sorted(front, key=lambda point: point.macs)


def test_classes_that_were_not_trained_on_have_no_logits(made):
    runs = made()
    unseen = {"classes": 100, "trained_classes": 75}
    runs.add(model="dlheir", protocol="unseen_classes",
             results={"complexity": counts(5, 6), "data": unseen})  # fmt: skip
    (row,) = table(runs, "table2")
    assert row["classes"] == "75"
    assert "Keras / 1e5 paper" not in row  # the paper's counts are of 100


def test_backbones_stand_with_their_costs_the_cheapest_first(made):
    runs = made()
    for model, macs, precision in (
        ("vgg16_bn", 900, (0.5, 0.6)),
        ("timm/resnet18", 300, (0.3, 0.3)),
        ("alexnet", 700, (0.2, 0.4)),
    ):
        for seed, expected in enumerate(precision):
            runs.add(model=model, seed=seed, precision=0.9, expected=expected,
                     results={"complexity": counts(macs // 100, macs)})  # fmt: skip
    runs.add(model="swin_t", finished=False)
    found = table(runs, "backbones")
    assert [(row["backbone"], row["MACs"], row["parameters"]) for row in found] == [
        ("timm/resnet18", "300", "3"), ("alexnet", "700", "7"), ("vgg16_bn", "900", "9"),
        ("swin_t", "", ""),
    ]  # fmt: skip
    assert [row["expected P@20"] for row in found] == ["30.0", "30.0", "55.0", ""]
    assert float(found[2]["expected P@20 std"]) == pytest.approx(50**0.5, abs=1e-4)
    assert found[3]["missing"] == "seed 0 interrupted"


def test_more_backbones_than_colours_are_named_on_the_front(made):
    runs = made()
    for number in range(9):
        precision = 0.5 if number == 4 else 0.4 if number == 0 else 0.1
        runs.add(model=f"network{number}", precision=precision,
                 results={"complexity": counts(1, 10 ** (5 + number / 4))})  # fmt: skip
    content = content_of("made", collect([runs.folder]))
    (plot,) = [p for part in content.parts for p in part.plots if p.name == "cost"]
    named = [f"network{number}" for number in range(9) if f">network{number}<" in plot.svg]
    assert named == ["network0", "network4"]
