"""`dlheir report`, from the folder of a real run."""

import shutil
import subprocess
import sys

import pytest
from command_line import snapshot

from dlheir.errors import InputError
from dlheir.report.main import main, write_report


def test_it_reports_a_real_run(dlheir, finished_run, tmp_path):
    before = snapshot(finished_run.folder)
    out = tmp_path / "out"
    found = dlheir("report", finished_run.folder.parents[1], "--out", out)
    assert (found.code, found.out) == (0, f"{out / 'index.html'} (1 cells: 1 done)\n"), found.err
    assert snapshot(finished_run.folder) == before
    assert finished_run.folder.name in (out / "index.html").read_text()
    assert {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()} == {
        "index.html",
        "report.md",
        "tables/others.csv",
        "tables/table2.csv",
        f"pictures/{finished_run.folder.name}.png",
    }


@pytest.mark.parametrize("depth", [0, 1])
def test_without_a_place_it_lies_beside_the_runs(made, capsys, depth):
    runs = made()
    runs.add()
    run = runs.add(seed=1)
    main([str([runs.folder, run][depth])])
    assert (runs.folder / "report" / "index.html").is_file()
    assert not (run / "report").exists()
    assert str(runs.folder / "report" / "index.html") in capsys.readouterr().out
    main([str(runs.folder)])  # the report itself is no run


def test_the_same_folders_give_the_same_report(made, tmp_path):
    runs = made()
    for bits in (12, 24):
        runs.add(bits=bits)
    for name in ("one", "two"):
        write_report([runs.folder], tmp_path / name)
    one, two = (
        {path: of for path, (_, of) in snapshot(tmp_path / n).items()} for n in ("one", "two")
    )
    assert one == two


def test_an_earlier_report_leaves_nothing(made, tmp_path):
    runs, out = made(), tmp_path / "out"
    for bits in (12, 24):
        run = runs.add(bits=bits)
    write_report([runs.folder], out)
    assert (out / "tables" / "table1.csv").is_file()
    shutil.rmtree(run)
    write_report([runs.folder], out)
    assert {path.name for path in (out / "tables").iterdir()} == {"others.csv", "table2.csv"}
    assert not list((out / "plots").iterdir())


def test_places_that_hold_other_things_are_refused(made, tmp_path):
    runs = made()
    run = runs.add()
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").touch()
    (tmp_path / "file").touch()
    for out, why in (
        (run, "a run's folder"),
        (run / "report", "a run's folder"),
        (tmp_path / "letters", "holds dear.txt"),
        (tmp_path / "file", "not a folder"),
    ):
        before = snapshot(tmp_path)
        with pytest.raises(InputError, match=why):
            main([str(runs.folder), "--out", str(out)])
        assert snapshot(tmp_path) == before


def test_wrong_arguments_are_one_line(tmp_path):
    with pytest.raises(InputError, match=r"dlheir report: .*RUNS; see dlheir report --help"):
        main([])
    with pytest.raises(InputError, match="no such folder"):
        main([str(tmp_path / "nowhere")])
    assert not list(tmp_path.iterdir())


def test_it_works_without_torch(made):
    runs = made()
    for bits in (12, 24):
        runs.add(bits=bits)
    script = f"""
import sys
sys.modules["torch"] = None  # importing it fails
from dlheir.cli import main
sys.exit(main(["report", {str(runs.folder)!r}]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
