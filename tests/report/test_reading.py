"""What folders say about runs, done or not."""

import json
import shutil
import subprocess
import sys

import pytest

from dlheir.errors import InputError
from dlheir.report.reading import collect
from dlheir.runs import RunFolder


def states(*folders) -> dict[str, str]:
    return {cell.run_id: cell.why for cell in collect(folders).cells}


def test_every_kind_of_cell_is_there(made):
    runs = made()
    done = runs.add()
    failed, interrupted, stopped, damaged, torn = (
        runs.add(seed=seed, finished=seed > 3) for seed in range(1, 6)
    )
    runs.attempt(failed.name, 1, "Epoch 3 of 9", "dlheir: RuntimeError: out of memory")
    runs.attempt(stopped.name, 130, "dlheir: interrupted")
    (damaged / "results.json").write_text('{"schema": 1')
    (torn / "config.yaml").write_text("model: [")
    for run in (done, failed):
        runs.plan(run.name, seed_everything=0)
    missing, killed = "dlheir_nano-12b-224px-s0-00000000", "dlheir_nano-12b-224px-s1-00000000"
    runs.plan(missing, model__bits=12)
    runs.plan(killed, model__bits=12, seed_everything=1)
    runs.attempt(killed, -9, "killed by signal 9 (SIGKILL)")
    runs.plan("refused-01234567", "--data.root /nowhere: no such folder", model__bits=24)
    assert states(runs.folder) == {
        done.name: "done",
        failed.name: "failed: RuntimeError: out of memory",
        interrupted.name: "interrupted",
        stopped.name: "interrupted",
        damaged.name: "damaged: results.json is not whole",
        torn.name: "damaged: config.yaml cannot be read",
        missing: "missing",
        killed: "failed: killed by signal 9 (SIGKILL)",
        "refused-01234567": "refused: --data.root /nowhere: no such folder",
    }


def test_a_run_at_work_is_running(made):
    run = made().add(finished=False)
    script = f"""
from pathlib import Path
from dlheir.locks import locked
with locked(Path({str(RunFolder(run).lock)!r})):
    print("locked", flush=True)
    input()
"""
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert states(run)[run.name].startswith(f"running: process {process.pid} on ")
    assert states(run)[run.name] == "interrupted"


def test_a_cell_that_never_ran_has_the_settings_that_it_would_have(made):
    runs = made()
    for bits in (12, 24):
        run = runs.add(bits=bits, settings={"model.options.replace_last": 7})
        runs.plan(run.name, model__bits=bits, model__options__replace_last=7)
    absent = "dlheir_nano-24b-384px-s5-00000000"
    runs.plan(absent, model__bits=24, model__options__replace_last=14)
    runs.plan("refused-0", "no", model__bits=96, model__options__replace_last=21)
    settings = {cell.run_id: cell.settings for cell in collect([runs.folder]).cells}
    like = settings[run.name]
    assert settings[absent] == like | {
        "model.options.replace_last": 14,
        "data.image_size": 384,  # its name says so, whatever the configuration says
        "seed_everything": 5,
    }
    assert settings["refused-0"] == like | {"model.bits": 96, "model.options.replace_last": 21}


def test_a_cell_that_never_ran_takes_after_its_own_grid(made):
    grids = [made(name) for name in ("first", "own", "last")]
    for rate, grid in enumerate(grids):
        run = grid.add(settings={"model.learning_rate": rate})
        grid.plan(run.name, model__bits=48, **{f"model__{grid.folder.name}": 1})
    absent = "dlheir_nano-24b-224px-s0-00000000"
    grids[1].plan(absent, model__bits=24, model__own=1)
    (cell,) = (c for c in collect([g.folder for g in grids]).cells if c.run_id == absent)
    assert cell.settings["model.learning_rate"] == 1


def test_runs_that_were_set_aside_and_other_folders_are_left_out(made):
    runs = made()
    run = runs.add()
    for ending in ("stale-1", "damaged-2", "old"):
        shutil.copytree(run, run.with_name(f"{run.name}.{ending}"))
    (runs.folder / "dlheir-12b-64px-s0-01234567").mkdir()  # nothing was begun there
    (runs.folder / "report").mkdir()
    assert states(runs.folder) == {run.name: "done"}


def test_it_finds_runs_from_each_level(made):
    runs = made()
    run = runs.add()
    runs.attempt(runs.add(seed=1, finished=False).name, 1, "broken")
    assert states(runs.folder.parent) == states(runs.folder)
    assert states(run) == {run.name: "done"}
    (failed,) = set(states(runs.folder)) - {run.name}
    assert states(runs.folder / failed) == {failed: "failed: broken"}


def test_copies_of_a_run_count_once_and_disagreeing_ones_are_named(made):
    here, there = made("here"), made("there")
    run, copy = here.add(seed=1), there.add(seed=1, results={"device": "another machine"})
    there.add(seed=2)
    assert run.name == copy.name
    collected = collect([here.folder, there.folder])
    assert len(collected.cells) == 2
    assert not collected.notes

    results = json.loads((copy / "results.json").read_text())
    results["precision"]["20"] = 0.25
    (copy / "results.json").write_text(json.dumps(results))
    collected = collect([here.folder, there.folder])
    assert len(collected.cells) == 2
    (note,) = collected.notes
    assert run.name in note
    assert str(here.folder) in note
    assert str(there.folder) in note
    assert collected.cells[0].results["precision"]["20"] == 0.5


def test_a_finished_copy_speaks_for_an_unfinished_one(made):
    here, there = made("here"), made("there")
    begun, done = here.add(seed=1), there.add(seed=1)
    (begun / "results.json").unlink()
    here.attempt(begun.name, 1, "broken")
    assert states(here.folder, there.folder) == {done.name: "done"}


def test_the_last_attempt_counts_wherever_it_was_made(made):
    here, there = made("here"), made("there")
    run = here.add(finished=False)
    there.add(finished=False)
    here.attempt(run.name, 1, "broken here")
    there.attempt(run.name, 1, "broken there", began="2026-11-23T01:00:00+00:00")
    assert states(here.folder, there.folder) == {run.name: "failed: broken there"}
    assert states(there.folder, here.folder) == {run.name: "failed: broken there"}


def test_folders_without_runs_are_refused(made, tmp_path):
    with pytest.raises(InputError, match="no such folder; give a folder of runs"):
        collect([tmp_path / "nowhere"])
    with pytest.raises(InputError, match=r"no runs there; give a folder such as runs/EXPERIMENT"):
        collect([tmp_path])
    runs = made()
    runs.plan("refused-0", "no")
    assert states(runs.folder) == {"refused-0": "refused: no"}
    (runs.folder / "sweeps" / "made.json").write_text("{")
    with pytest.raises(InputError, match=r"made\.json"):
        collect([runs.folder])


def test_a_models_name_is_the_configurations(made):
    runs = made()
    done = runs.add(model="timm/resnet18", image_size=64)
    assert done.name.startswith("timm-resnet18-48b-64px-s0-")
    runs.plan(done.name, seed_everything=0)
    runs.plan("timm-resnet18-48b-64px-s1-00000000", seed_everything=1)
    (known, planned) = collect([runs.folder]).cells
    assert known.settings["model.name"] == planned.settings["model.name"] == "timm/resnet18"
    assert planned.settings["seed_everything"] == 1


def test_a_folders_name_says_the_model_where_its_configuration_is_another_ones(made):
    runs = made()
    done = runs.add(model="dlheir_nano")
    runs.plan(done.name, model__bits=48)
    runs.plan("timm-resnet18-12b-224px-s0-00000000", model__bits=12)
    cells = {cell.run_id: cell.settings["model.name"] for cell in collect([runs.folder]).cells}
    assert cells["timm-resnet18-12b-224px-s0-00000000"] == "timm-resnet18"
