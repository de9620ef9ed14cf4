"""Fixtures of the report's tests."""

import pytest
from made_runs import MadeRuns, Written

from dlheir.report.main import write_report


@pytest.fixture
def made(finished_run, tmp_path):
    """Make an experiment's folder to fill with runs."""

    def made(name="made") -> MadeRuns:
        return MadeRuns(tmp_path / "runs" / name, finished_run.folder)

    return made


@pytest.fixture
def report(tmp_path):
    """Report about some folders, and read what was written."""

    def report(*folders):
        out = tmp_path / "report"
        write_report(folders, out)
        return Written(out)

    return report
