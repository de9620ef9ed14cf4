"""The environment of a run: its machine's, less what belongs to those who started it."""

from collections.abc import Mapping

from dlheir.sweep.resources import Resources

# Ray's, and what tells Lightning that it is one process of a distributed run or of a batch job.
_FOREIGN = (
    "RAY_",
    "SLURM_",
    "OMPI_",
    "PMI_",
    "PMIX_",
    "TORCHELASTIC_",
    "MASTER_",
    "PL_",
    "WANDB_",
)
_FOREIGN_NAMES = {
    "PYTHONBREAKPOINT",
    "SPT_NOENV",
    "RANK",
    "LOCAL_RANK",
    "NODE_RANK",
    "GROUP_RANK",
    "ROLE_RANK",
    "WORLD_SIZE",
    "LOCAL_WORLD_SIZE",
}
# Where W&B is and who logs there; the others name one run, and these runs name themselves.
_KEPT = {
    "WANDB_API_KEY",
    "WANDB_ARTIFACT_DIR",
    "WANDB_BASE_URL",
    "WANDB_CACHE_DIR",
    "WANDB_CONFIG_DIR",
    "WANDB_DATA_DIR",
    "WANDB_DIR",
    "WANDB_ENTITY",
    "WANDB_MODE",
}


def environment_of_run(surroundings: Mapping[str, str], resources: Resources) -> dict[str, str]:
    """Make the environment of a run.

    Args:
        surroundings: The environment of its supervisor, in which Ray has named the run's GPUs.
        resources: What the run is given. Its number of threads is always that of its cores: sums
            by other numbers of threads round differently, and a result must not depend on what
            else the machine does.
    """
    kept = {name: value for name, value in surroundings.items() if not _is_foreign(name)}
    threads = str(resources.cpus)
    kept |= {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
    if not resources.gpus:
        kept["CUDA_VISIBLE_DEVICES"] = ""
    return kept


def _is_foreign(name: str) -> bool:
    return name not in _KEPT and (name in _FOREIGN_NAMES or name.startswith(_FOREIGN))
