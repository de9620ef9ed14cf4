"""Cells on a Ray cluster of this machine, some of them killed."""

import signal
import subprocess
import sys

import pytest
from launches import OUR_FIT, launch
from marked_processes import environment, marked

from dlheir.errors import InputError
from dlheir.runs import RunFolder
from dlheir.sweep.attempts import read_attempts
from dlheir.sweep.connection import connected

__all__ = ["launch"]
# Joins a cluster, without the secret of the one who began it.
INTRUDER = "import ray, sys; ray.init(sys.argv[1], log_to_driver=False); print('is in')"


@pytest.fixture
def cells(small, tmp_path):
    """Two runs with no end; their ids are made up."""
    runs = tmp_path / "runs"
    return {
        runs / "default" / f"seed{seed}": small(
            runs, trainer__max_epochs=10_000, seed_everything=seed
        )
        for seed in range(2)
    }


def log_of(folder):
    return RunFolder(folder).log


def test_what_was_killed_is_tried_again_and_wrong_input_is_not(launch, small, tmp_path):
    runs = tmp_path / "runs" / "default"
    long = [*small(tmp_path / "runs", trainer__max_epochs=40), "--ckpt_path=last"]
    cells = {runs / "long": long, runs / "wrong": ["nonsense"], runs / "fine": ["--version"]}
    launched = launch(cells, retries=2)
    launched.wait_until_it_trains(log_of(runs / "long"))
    launched.kill(OUR_FIT, signal.SIGKILL)
    launched.wait_until_it_trains(log_of(runs / "long"), attempt=2)
    launched.kill("ray::long", signal.SIGKILL)
    assert launched.wait() == 0, launched.err
    codes = {name: launched.attempts(name) for name in ("long", "wrong", "fine")}
    assert codes == {"long": [-9, -9, 0], "wrong": [2], "fine": [0]}
    killed, orphaned, done = read_attempts(RunFolder(runs / "long"))
    assert "killed by signal 9 (SIGKILL)" in killed.last_lines[-1]
    assert orphaned.last_lines == ("the run's Ray worker or its machine died (WorkerCrashedError)",)
    assert done.last_lines[-1].startswith("Picture: ")
    assert launched.err == ""  # Ray says nothing
    assert len(launched.events) == 10  # in lines of their own: it does not say so on stdout either


@pytest.mark.soak
@pytest.mark.parametrize("server", ["gcs_server", "raylet/raylet"])
def test_a_dead_head_ends_the_launcher_with_a_line(launch, cells, server):
    launched = launch(cells)
    launched.wait_until_it_trains(log_of(next(iter(cells))))
    launched.kill(server, signal.SIGKILL)
    assert launched.wait() == 1
    (line,) = launched.err.splitlines()
    assert line.startswith("dlheir: Ray: ")
    assert line.endswith("has ended; the same command goes on")


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.soak)]
)
def test_an_interruption_ends_all_processes(launch, cells, number):
    launched = launch(cells)
    for folder in cells:
        launched.wait_until_it_trains(log_of(folder))
    launched.process.send_signal(number)
    assert launched.wait() == 130
    (line,) = launched.err.splitlines()
    assert line.startswith("dlheir: interrupted")


def test_a_run_sees_the_environment_that_it_would_see_without_ray(launch, cells):
    names = {"RANK": "1", "WANDB_SWEEP_ID": "x", "WANDB_ENTITY": "me"}
    launched = launch(cells, cpus=1, env=names)
    launched.wait_until_it_trains(log_of(next(iter(cells))))
    seen = environment(launched.find(OUR_FIT))
    expected = environment(launched.process.pid) | {
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
    for name in ("RANK", "WANDB_SWEEP_ID"):
        del expected[name]
    # Set by Python, Lightning and torch.
    for name in ("LC_CTYPE", "PYTORCH_NVML_BASED_CUDA_CHECK", "TORCHINDUCTOR_CACHE_DIR"):
        seen.pop(name, None)
    assert seen == expected


@pytest.mark.soak
def test_the_cluster_is_closed_to_those_who_do_not_know_its_secret(launch, cells):
    launched = launch(cells)
    launched.wait_until_it_trains(log_of(next(iter(cells))))
    (words,) = [w for w in marked(launched.mark).values() if "raylet/raylet" in w]
    address = next(w for w in words.split() if w.startswith("--gcs-address="))
    intruder = subprocess.run(
        [sys.executable, "-c", INTRUDER, address.removeprefix("--gcs-address=")],
        capture_output=True,
        text=True,
        check=False,
        env=environment(launched.process.pid),
    )
    assert intruder.returncode != 0
    assert "is in" not in intruder.stdout
    assert "nauthenticated" in intruder.stderr


def test_a_machine_that_is_too_small_is_named(launch, cells):
    launched = launch(cells, cpus=1000)
    assert launched.wait() == 2
    assert launched.err == (
        "dlheir: --cpus-per-run 1000: no machine of the cluster has so many; ask for fewer\n"
    )
    assert launched.events == []


@pytest.mark.parametrize("address", ["127.0.0.1:9", "somewhere", "ray://127.0.0.1:9"])
def test_an_address_with_no_cluster_is_named(address):
    with (
        pytest.raises(InputError, match=f"--address {address}: no Ray cluster"),
        connected(address),
    ):
        pass
