"""Figure 3: our networks and the systems they are compared with, over k."""

import csv
import io

from made_runs import KS

from dlheir.report import paper


def baseline(precision, title="Xia (CSD)", options=None):
    shares = [precision] * len(KS) if isinstance(precision, float) else precision
    return {
        "title": title,
        "options": options or {},
        "precision": dict(zip(map(str, KS), shares, strict=True)),
        "timing": dict.fromkeys(("prepare", "features", "index", "trapdoor", "search"), 0.1),
        "feature_shape": [64],
    }


def of(**baselines):
    return {"baselines": baselines}


def lines(table):
    return {line["system"]: line for line in csv.DictReader(io.StringIO(table))}


def test_every_system_has_a_line_and_there_is_a_plot(made, report):
    runs = made()
    for bits, precision in ((12, 0.7), (48, 0.8)):
        runs.add(bits=bits, precision=precision, results=of(xia_csd=baseline(0.5)))
    written = report(runs.folder)
    found = lines(written.tables["figure3"])
    assert list(found) == [
        "dlheir_nano, 12 bits",
        "dlheir_nano, 48 bits",
        "Xia (CSD)",
        "paper: DLHEIR, 48 bits, Corel10K",
        "ceiling",
    ]
    assert found["dlheir_nano, 48 bits"]["P@20"] == "80.0"
    assert found["Xia (CSD)"]["P@20"] == "50.0"
    assert found["Xia (CSD)"]["seeds"] == "1"  # both runs had the same split and seed
    printed = found["paper: DLHEIR, 48 bits, Corel10K"]
    assert [float(printed[f"P@{k}"]) for k in KS] == list(paper.PRECISION[384, 48])
    assert found["ceiling"]["P@100"] == "80.0"
    assert "figure3" in written.plots
    assert "Figure 3: precision by system" in written.html


def test_seeds_become_mean_and_deviation(made, report):
    """By hand: 50 and 60 per cent have mean 55 and sample deviation 7.0711."""
    runs = made()
    for seed, precision in ((0, 0.5), (1, 0.6)):
        for bits in (12, 48):
            runs.add(bits=bits, seed=seed, results=of(xia_csd=baseline(precision)))
    line = lines(report(runs.folder).tables["figure3"])["Xia (CSD)"]
    assert line["seeds"] == "2"
    assert line["P@40"] == "55.0"
    assert line["P@40 std"] == "7.0711"


def test_runs_that_disagree_are_pointed_at_and_the_first_counts(made, report):
    runs = made()
    for bits, precision in ((12, 0.5), (48, 0.6)):
        runs.add(bits=bits, results=of(xia_csd=baseline(precision)))
    written = report(runs.folder)
    assert lines(written.tables["figure3"])["Xia (CSD)"]["P@20"] == "50.0"
    assert "Xia (CSD): runs with the same split and seed disagree" in written.markdown


def test_options_tell_systems_of_one_name_apart(made, report):
    runs = made()
    runs.add(bits=12, results=of(xia_csd=baseline(0.5)))
    runs.add(bits=48, results=of(xia_csd=baseline(0.6, options={"bins": 32})))
    found = lines(report(runs.folder).tables["figure3"])
    assert found["Xia (CSD), default"]["P@20"] == "50.0"
    assert found["Xia (CSD), bins 32"]["P@20"] == "60.0"


def test_data_sets_have_figures_of_their_own_and_other_runs_none(made, report):
    runs = made()
    runs.add(data="Corel1K", results=of(xia_csd=baseline(0.5)))
    runs.add(data="Corel5K", results=of(qin=baseline(0.4, "Qin")))
    runs.add(data="Generated")
    tables = report(runs.folder).tables
    assert "Xia (CSD)" in lines(tables["figure3"])
    assert "Qin" in lines(tables["figure3-2"])
    assert "figure3-3" not in tables


def test_without_baselines_there_is_no_figure_3(made, report):
    runs = made()
    runs.add()
    written = report(runs.folder)
    assert "figure3" not in written.tables
    assert "Figure 3: precision by system" not in written.html
