"""`dlheir sweep` as a person uses it: one command, from a grid file to a report."""

import json
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from command_line import clean_environment, read_codes

FAULTS = ["Nothing", "Always", "Once", "OutOfMemory"]


@pytest.fixture(scope="module")
def grid(small, tmp_path_factory):
    """Write a grid file of runs that take about a second of work each."""

    def grid(parameters, **more):
        folder = tmp_path_factory.mktemp("sweep")
        fit = small(folder / "runs", experiment="tiny", **more)
        swept = tuple(f"--{name}=" for name in parameters)
        fixed = [argument for argument in fit if not argument.startswith(swept)]
        content = {
            "program": "dlheir",
            "method": "grid",
            "command": ["${env}", "${interpreter}", "-m", "dlheir", *fixed, "${args}"],
            "parameters": {name: {"values": values} for name, values in parameters.items()},
        }
        path = folder / "tiny.yaml"
        path.write_text(yaml.safe_dump(content))
        return SimpleNamespace(path=path, experiment=folder / "runs" / "tiny")

    return grid


@pytest.fixture(scope="module")
def swept(grid, dlheir, pictures, tmp_path_factory):
    """A sweep of which some cells fail, each in a way of its own."""
    parameters = {
        "trainer.callbacks": [f"faults.{name}" for name in FAULTS],
        "data.root": [str(pictures), str(pictures / "missing")],
    }
    sweep = grid(parameters)
    faults = tmp_path_factory.mktemp("faults")
    env = {"PYTHONPATH": str(Path(__file__).parent), "FAULTS_FOLDER": str(faults)}
    sweep.command = ("sweep", sweep.path, "--cpus-per-run", 1)
    sweep.dlheir = lambda *more: dlheir(*sweep.command, *more, env=env)
    sweep.finished = sweep.dlheir()
    return sweep


def runs_by_fault(experiment):
    """Run folders by the name of their callback."""
    found = {}
    for config in experiment.glob("*/config.yaml"):
        callbacks = yaml.safe_load(config.read_text())["trainer"]["callbacks"]
        found[callbacks["class_path"].removeprefix("faults.")] = config.parent
    return found


def attempts_of(run):
    path = run.parent / "attempts" / f"{run.name}.json"
    return json.loads(path.read_text())["attempts"]


def test_a_failing_cell_harms_no_other(swept):
    runs = runs_by_fault(swept.experiment)
    assert set(runs) == set(FAULTS)
    done = {name for name, run in runs.items() if (run / "results.json").exists()}
    assert done == {"Nothing", "Once"}
    codes = {name: [a["exit_code"] for a in attempts_of(run)] for name, run in runs.items()}
    assert codes == {"Nothing": [0], "Always": [1, 1], "Once": [1, 0], "OutOfMemory": [1, 1]}


def test_the_closing_table_has_every_failure_and_its_last_line(swept):
    assert swept.finished.code == 1
    assert "2 failed, 4 refused, 2 done of 8" in swept.finished.out
    for line in ("this cell fails always", "can't allocate memory", "missing: no such folder"):
        assert line in swept.finished.out
    (complaint,) = swept.finished.complaints
    assert "2 failed, 4 refused, 2 done of 8" in complaint


def test_the_report_has_them_too(swept):
    page = (swept.experiment / "report" / "index.html").read_text()
    for line in ("this cell fails always", "missing: no such folder"):
        assert line in page


def test_what_fails_once_ends_as_if_it_had_not(swept):
    """The second attempt went on from the first one's checkpoint."""
    runs = runs_by_fault(swept.experiment)
    undisturbed, resumed = (read_codes(runs[name]) for name in ("Nothing", "Once"))
    for name in ("database_codes", "query_codes", "database_margins"):
        assert (undisturbed[name] == resumed[name]).all()
    log = (swept.experiment / "attempts" / f"{runs['Once'].name}.log").read_text()
    assert log.count("Epoch 1 of 2") == 1


def test_the_same_command_again_runs_only_what_failed(swept):
    runs = runs_by_fault(swept.experiment)
    before = {name: (run / "config.yaml").stat().st_mtime_ns for name, run in runs.items()}
    again = swept.dlheir("--retries", 0)
    assert again.code == 1
    assert again.err.count("started ") == 2
    for name in ("Nothing", "Once"):
        assert (runs[name] / "config.yaml").stat().st_mtime_ns == before[name]
    assert len(attempts_of(runs["Always"])) == 3


def test_a_dry_run_changes_nothing(swept):
    before = sorted(path for path in swept.experiment.rglob("*"))
    shown = swept.dlheir("--dry-run")
    assert shown.code == 0, shown.err
    assert "2 failed, 4 refused, 2 done of 8" in shown.out
    assert "2 cells to run: about" in shown.out
    assert "from 2 finished cells" in shown.out
    assert sorted(path for path in swept.experiment.rglob("*")) == before


@pytest.fixture(scope="module")
def whole(grid, dlheir):
    sweep = grid({"model.bits": [12, 48]}, trainer__max_epochs=1)
    sweep.dlheir = lambda *more: dlheir("sweep", sweep.path, "--cpus-per-run", 1, *more)
    assert "2 cells to run" in sweep.dlheir("--dry-run").out
    sweep.finished = sweep.dlheir()
    assert sweep.finished.code == 0, sweep.finished.err
    return sweep


def test_a_whole_sweep(whole):
    assert "2 done of 2" in whole.finished.out
    shown = (whole.experiment / "report" / "report.md").read_text()
    for path in whole.experiment.glob("*/results.json"):
        results = json.loads(path.read_text())
        assert results["run_id"] in whole.finished.out
        assert f"{100 * results['precision']['20']:.2f}" in shown


@pytest.mark.soak
def test_a_damaged_cell_is_made_again_and_its_remains_are_kept(whole):
    run = next(path.parent for path in whole.experiment.glob("*/results.json"))
    checkpoint = run / "checkpoints" / "last.ckpt"
    expected = read_codes(run)
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1])
    shown = whole.dlheir("--dry-run")
    assert "1 damaged, 1 done of 2" in shown.out
    again = whole.dlheir()
    assert again.code == 0, again.err
    assert "2 done of 2" in again.out
    assert (whole.experiment / f"{run.name}.damaged-1").is_dir()
    assert (read_codes(run)["database_codes"] == expected["database_codes"]).all()
    shutil.rmtree(whole.experiment / f"{run.name}.damaged-1")


@pytest.mark.soak
def test_cells_of_other_code_are_made_anew_only_when_asked(whole):
    run = next(path.parent for path in whole.experiment.glob("*/results.json"))
    results = json.loads((run / "results.json").read_text())
    older = results | {"code_sha256": "0" * 64}
    (run / "results.json").write_text(json.dumps(older))
    left = whole.dlheir()
    assert left.code == 0, left.err
    assert "1 stale, 1 done of 2" in left.out
    assert "--rerun-stale" in left.err
    assert json.loads((run / "results.json").read_text()) == older
    again = whole.dlheir("--rerun-stale")
    assert again.code == 0, again.err
    assert "2 done of 2" in again.out
    assert json.loads((run / "results.json").read_text())["code_sha256"] == results["code_sha256"]


@pytest.mark.soak
def test_an_array_job_makes_every_cell(dlheir, grid, tmp_path):
    sweep = grid({"model.bits": [12, 48]}, trainer__max_epochs=1)
    written = dlheir("sweep", sweep.path, "--slurm", "--cpus-per-run", 1)
    assert written.code == 0, written.err
    (script,) = sweep.experiment.glob("sweeps/*.sbatch")
    assert f"2 tasks; hand them in by: sbatch {script}" in written.out
    for task in range(2):
        env = clean_environment(tmp_path) | {"SLURM_ARRAY_TASK_ID": str(task), "SLURM_NTASKS": "2"}
        subprocess.run(["bash", script], env=env, check=True, capture_output=True)
    finished = dlheir("sweep", sweep.path)
    assert finished.code == 0, finished.err
    assert "2 done of 2" in finished.out
    assert "started" not in finished.err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("nowhere.yaml",), "nowhere.yaml: no such file"),
        (("experiments/quickstart.yaml",), "no sweep, as it has no parameters"),
        (("GRID", "--cpus-per-run", "0"), "--cpus-per-run is 0; give 1 or more"),
        (("GRID", "--gpus-per-run", "1.5"), "--gpus-per-run is 1.5; give 0, a share of 1"),
        (("GRID", "--retries", "-1"), "--retries is -1"),
        (("GRID", "--cell", "dlheir_nano-48b"), "--cell dlheir_nano-48b: not in tiny"),
    ],
)
def test_wrong_arguments(main, grid, arguments, expected):
    path = grid({"model.bits": [12]}).path
    finished = main("sweep", *(str(path) if a == "GRID" else a for a in arguments))
    assert finished.code == 2
    (complaint,) = finished.complaints
    assert expected in complaint


def test_a_sweep_without_a_single_possible_cell(main, grid, tmp_path):
    sweep = grid({"data.root": [str(tmp_path / "nowhere")]})
    finished = main("sweep", sweep.path)
    assert finished.code == 2
    (complaint,) = finished.complaints
    assert "nowhere: no such folder" in complaint
    assert not sweep.experiment.exists()


def test_two_launchers_of_one_sweep(start, dlheir, grid):
    sweep = grid({"model.bits": [12]}, trainer__max_epochs=200)
    first = start("sweep", sweep.path, "--cpus-per-run", 1)
    first.wait_until(lambda: any(sweep.experiment.glob("*/config.yaml")))
    second = dlheir("sweep", sweep.path, "--cpus-per-run", 1)
    assert second.code == 2
    (complaint,) = second.complaints
    assert f"process {first.process.pid} on" in complaint
    first.process.terminate()
    stopped = first.wait()
    assert stopped.code == 130
    assert "the same command goes on" in stopped.err
