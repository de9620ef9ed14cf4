"""What is asked before any work is done: can this run come to its end."""

from pathlib import Path

from pytorch_lightning import Trainer
from torch import nn

from dlheir.data import PictureFolder
from dlheir.errors import InputError
from dlheir.files import free_space
from dlheir.models.trained import is_published
from dlheir.models.weights import read_torch_file
from dlheir.runs import RunFolder
from dlheir.store.content import content_length, padme
from dlheir.store.envelope import OVERHEAD
from dlheir.store.owner import BATCH_SIZE
from dlheir.task import HashingTask

# Weights and thresholds stay float32 in all of them.
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")
# Of a checkpoint: weights and momentum, for the last, the best and the one being written.
CHECKPOINT_COPIES = 2 * 3
# Bytes: retrieval.png, codes and logs.
SMALL_FILES = 4_000_000


def check_trainer(trainer: Trainer, data: PictureFolder, *, trains: bool) -> None:
    """Refuse settings that would fail only after work was done, or give a result of a part.

    Args:
        trainer: What is to run.
        data: The pictures.
        trains: Whether it is to train, not only to test.

    Raises:
        InputError: One of them is set.
    """
    data.batch_per_device(trainer.world_size)  # raises where devices cannot share a batch
    if trainer.precision not in PRECISIONS:
        raise InputError(
            f"--trainer.precision {trainer.precision} would change the thresholds' too; use one of "
            f"{', '.join(PRECISIONS)}"
        )
    if getattr(trainer, "fast_dev_run", False):  # set by a helper of Trainer's
        raise InputError(
            "--trainer.fast_dev_run keeps no checkpoint to test; for a short run use "
            "--trainer.max_epochs 1 --trainer.limit_train_batches 1"
        )
    for name in ("max_epochs", "max_steps", "limit_train_batches"):
        if trains and getattr(trainer, name) == 0:
            raise InputError(f"--trainer.{name} is 0; there is nothing to train")
    for name in ("limit_val_batches", "limit_test_batches"):
        if getattr(trainer, name) != 1.0:
            raise InputError(f"--trainer.{name} is not for hashing: every picture is searched")


def check_feature_cache(task: HashingTask, data: PictureFolder) -> None:
    """Refuse a cache of feature maps of which none would serve twice.

    Args:
        task: What is to be trained.
        data: The pictures.

    Raises:
        InputError: Training pictures are varied at random.
    """
    if task.cache_features and data.augmentation is not None:
        raise InputError(
            "model.cache_features: data.augmentation varies the training pictures in each epoch, "
            "which cached feature maps cannot; set one of the two to false or null"
        )


def check_room(run: RunFolder, data: PictureFolder, network: nn.Module) -> None:
    """Ask for the room that sealed pictures and checkpoints will take.

    Args:
        run: Where they will be.
        data: The pictures to seal.
        network: What checkpoints hold.

    Raises:
        InputError: The disk has less.
    """
    names = data.split.database
    sizes = [path.stat().st_size for path in data.paths(names)]
    sealed = sorted(
        padme(content_length(name, size)) + OVERHEAD
        for name, size in zip(names, sizes, strict=True)
    )
    store = sum(sealed) + sum(sealed[-BATCH_SIZE:])  # a batch stands in SQLite's log, too
    weights = sum(4 * parameter.numel() for parameter in network.parameters())
    needed = store + weights * CHECKPOINT_COPIES + SMALL_FILES
    if run.path.is_dir():  # what a resumed run wrote before is replaced
        needed -= sum(path.stat().st_size for path in run.path.rglob("*") if path.is_file())
    parent, free = free_space(run.path)
    if free < needed:
        raise InputError(
            f"{parent}: {free / 1e6:.0f} MB free, about {needed / 1e6:.0f} MB needed; make room or "
            "choose another folder by --runs"
        )


def steps_of(checkpoint: Path) -> int:
    """Number of steps that a state was trained for.

    Args:
        checkpoint: A checkpoint of a run.

    Raises:
        InputError: It is a network alone, without the optimiser's state.
    """
    content = {} if is_published(checkpoint) else read_torch_file(checkpoint)
    if not {"global_step", "optimizer_states", "loops"} <= content.keys():
        raise InputError(
            f"checkpoint {checkpoint} holds a network alone; training goes on from the last.ckpt "
            "of a run"
        )
    return int(content["global_step"])
