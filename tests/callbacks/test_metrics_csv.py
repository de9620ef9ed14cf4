"""metrics.csv: nothing lost, nothing twice."""

import csv

import pytest

from dlheir.callbacks.metrics_csv import MetricsCsv


@pytest.fixture
def path(tmp_path):
    return tmp_path / "metrics.csv"


def read(path):
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header == ["step", "epoch", "metric", "value"]
    return [tuple(row) for row in rows]


def test_every_value_is_a_line_across_resumptions(path):
    MetricsCsv(path).log_metrics({"loss": 0.5, "accuracy": 0.25, "epoch": 0}, step=9)
    MetricsCsv(path).log_metrics({"loss": 0.125}, step=19)
    assert read(path) == [
        ("9", "0", "loss", "0.5"),
        ("9", "0", "accuracy", "0.25"),
        ("19", "", "loss", "0.125"),
    ]


def test_a_value_logged_twice_in_a_step_is_written_once(path):
    metrics = MetricsCsv(path)
    metrics.log_metrics({"loss": 0.5}, step=9)
    metrics.log_metrics({"loss": 0.5, "rate": 1.0}, step=9)
    metrics.log_metrics({"loss": 0.25}, step=10)
    assert [row[0::2] for row in read(path)] == [("9", "loss"), ("9", "rate"), ("10", "loss")]


def test_all_of_a_step_is_read_back_together(path):
    assert list(MetricsCsv(path).read()) == []
    MetricsCsv(path).log_metrics({"rate": 0.5, "epoch": 0}, step=9)
    MetricsCsv(path).log_metrics({"loss": 0.1, "epoch": 0}, step=9)
    MetricsCsv(path).log_metrics({"rate": 0.25}, step=10)
    assert list(MetricsCsv(path).read()) == [
        (9, {"rate": 0.5, "loss": 0.1, "epoch": 0}),
        (10, {"rate": 0.25}),
    ]


def test_other_loggers_see_all_that_was_logged(path):
    metrics = {"loss": 0.5, "epoch": 3}
    MetricsCsv(path).log_metrics(metrics, step=1)
    assert metrics == {"loss": 0.5, "epoch": 3}


@pytest.mark.parametrize("half", ["", "9", "9,0,los", "9,0,loss,0.12"])
def test_rewinding_drops_repeated_steps_and_half_a_line(path, half):
    metrics = MetricsCsv(path)
    for step in range(6, 12):
        metrics.log_metrics({"loss": step / 4}, step=step)
    with path.open("a") as file:
        file.write(half)
    MetricsCsv(path).rewind(10)
    assert [row[0] for row in read(path)] == ["6", "7", "8", "9"]
    MetricsCsv(path).log_metrics({"loss": 1.0}, step=10)
    assert read(path)[-1] == ("10", "", "loss", "1.0")


@pytest.mark.parametrize("content", ["", "step,epo", "step,epoch,metric,value\n"])
def test_rewinding_a_file_that_has_hardly_begun(path, content):
    path.write_text(content)
    MetricsCsv(path).rewind(10)
    assert read(path) == []


def test_rewinding_nothing(path):
    MetricsCsv(path).rewind(10)
    assert not path.exists()
