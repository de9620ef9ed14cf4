"""What a run sees of the environment that its sweep was started in."""

import pytest

from dlheir.sweep.environment import environment_of_run
from dlheir.sweep.resources import Resources


@pytest.mark.parametrize(
    "name",
    [
        "RAY_ADDRESS",
        "RAY_AUTH_TOKEN",
        "RANK",
        "LOCAL_RANK",
        "NODE_RANK",
        "GROUP_RANK",
        "WORLD_SIZE",
        "LOCAL_WORLD_SIZE",
        "MASTER_ADDR",
        "MASTER_PORT",
        "TORCHELASTIC_RUN_ID",
        "SLURM_NTASKS",
        "SLURM_JOB_ID",
        "PMI_RANK",
        "OMPI_COMM_WORLD_RANK",
        "PL_GLOBAL_SEED",
        "WANDB_SWEEP_ID",
        "WANDB_RUN_ID",
        "WANDB_PROJECT",
    ],
)
def test_what_belongs_to_those_who_started_it_is_left_out(name):
    assert name not in environment_of_run({name: "3"}, Resources())


@pytest.mark.parametrize(
    "name",
    [
        "PATH",
        "HOME",
        "PYTHONPATH",
        "CUDA_DEVICE_ORDER",
        "WANDB_API_KEY",
        "WANDB_BASE_URL",
        "WANDB_ENTITY",
        "WANDB_DIR",
        "WANDB_MODE",
    ],
)
def test_what_says_where_and_who_stays(name):
    assert environment_of_run({name: "x"}, Resources())[name] == "x"


def test_the_number_of_threads_is_that_of_the_cores():
    given = {"OMP_NUM_THREADS": "7", "MKL_NUM_THREADS": "5"}
    environment = environment_of_run(given, Resources(cpus=2))
    assert environment["OMP_NUM_THREADS"] == environment["MKL_NUM_THREADS"] == "2"


def test_a_run_on_the_cpu_sees_no_gpu():
    given = {"CUDA_VISIBLE_DEVICES": "1,2"}
    assert environment_of_run(given, Resources(gpus=0))["CUDA_VISIBLE_DEVICES"] == ""
    assert environment_of_run(given, Resources(gpus=2))["CUDA_VISIBLE_DEVICES"] == "1,2"


@pytest.mark.parametrize(
    ("resources", "machine", "runs"),
    [
        (Resources(cpus=2), {"CPU": 5.0}, 2),
        (Resources(cpus=2), {"CPU": 1.0}, 0),
        (Resources(cpus=1), {}, 0),
        (Resources(cpus=1, gpus=1), {"CPU": 8.0}, 0),
        (Resources(cpus=1, gpus=1), {"CPU": 8.0, "GPU": 3.0}, 3),
        (Resources(cpus=4, gpus=1), {"CPU": 8.0, "GPU": 3.0}, 2),
        (Resources(cpus=1, gpus=0.5), {"CPU": 8.0, "GPU": 3.0}, 6),
        # A run has its share of one GPU: what is left of two makes no third.
        (Resources(cpus=1, gpus=0.4), {"CPU": 8.0, "GPU": 2.0}, 4),
        (Resources(cpus=1, gpus=2), {"CPU": 8.0, "GPU": 3.0}, 1),
    ],
)
def test_room_of_a_machine(resources, machine, runs):
    assert resources.runs_on(machine) == runs
