"""`wandb sweep` and `wandb agent`, the real commands: the same cells, in runs of the agent's."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from command_line import clean_environment, snapshot
from offline_wandb import written_curve
from wandb_server import wandb_server


def test_agent_trains_what_is_new_and_reports_what_is_done(finished_run, small, tmp_path):
    runs = tmp_path / "runs"
    shutil.copytree(finished_run.folder.parents[1], runs)
    done = runs / finished_run.folder.relative_to(finished_run.folder.parents[1])
    before = snapshot(done)
    command = ["${env}", "${interpreter}", "-m", "dlheir", *small(runs, wandb__mode="auto")]
    grid = {
        "program": "dlheir",
        "method": "grid",
        "project": "bits",
        "parameters": {"model.bits": {"values": [48, 12]}, "seed_everything": {"value": 0}},
        "command": [*command, "--ckpt_path=last", "${args}"],
    }
    (tmp_path / "grid.yaml").write_text(yaml.safe_dump(grid))

    with wandb_server() as server:

        def wandb(*arguments):
            environment = clean_environment(tmp_path) | server.environment
            environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
            finished = subprocess.run(
                [sys.executable, "-m", "wandb", *arguments],
                cwd=tmp_path,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            assert finished.returncode == 0, finished.stderr
            return finished.stderr

        sweep = re.search(r"wandb agent (\S+)", wandb("sweep", "grid.yaml"))[1]
        said = wandb("agent", sweep)

    assert f"{done}: finished already; nothing was changed" in said
    assert snapshot(done) == before
    cells = {run.config["bits"]: (name, run) for name, run in server.runs.items()}
    assert sorted(cells) == [12, 48]
    assert cells[48][1].config["cell"] == done.name
    for bits, (name, run) in cells.items():
        folder = done.parent / run.config["cell"]
        assert folder.name.startswith(f"dlheir_nano-{bits}b-")
        assert name.startswith("sweep0-")  # the agent's, which W&B insists on
        assert (run.told["sweep"], run.told["project"]) == ("sweep0", "bits")
        assert (run.told["displayName"], run.told["groupName"]) == (folder.name, done.parent.name)
        assert run.exit_code == 0
        assert run.curve("train_loss") == written_curve(folder, "train_loss")
        results = json.loads((folder / "results.json").read_text())
        assert run.summary["precision_at_20"] == results["precision"]["20"]
        assert run.config["code_sha256"] == results["code_sha256"]
