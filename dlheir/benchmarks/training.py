"""Training with real pictures against tensors in memory, and against the plain PyTorch loop.

Does the loader starve the network? All take the same steps on the same pictures: JPEGs of
384x256 pixels, as Corel's are, at 224 pixels.
"""

import logging
import math
import time
import warnings
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Literal

import torch
from PIL import Image
from pytorch_lightning import Callback, LightningModule, Trainer
from torch.nn.functional import cross_entropy
from torch.optim import SGD
from torch.utils.data import DataLoader

from dlheir.benchmarks.figure import TIMES, Figure
from dlheir.callbacks.decoded import decoded_pictures
from dlheir.console import progress
from dlheir.data import Augmentation, PictureFolder
from dlheir.data.dataset import Batch
from dlheir.data.gallery import render
from dlheir.models import get_model
from dlheir.task import HashingTask

TARGET = 0.95
IMAGE_SIZE, BATCH_SIZE = 224, 16
CLASSES = 4
# Of one epoch, whose start is not measured: it weighs little where an epoch has many steps. The
# heavier network needs fewer for the same seconds.
STEPS = {"mobilenet_v2": 16, "densenet201": 5}
Precision = Literal["32-true", "bf16-mixed"]


def measure(quick: bool) -> list[Figure]:
    """Train for a few steps in turns.

    Args:
        quick: `mobilenet_v2` in full precision alone, and fewer turns.
    """
    cases: list[tuple[str, Precision]] = [("mobilenet_v2", "32-true")]
    if not quick:
        cases += [("mobilenet_v2", "bf16-mixed"), ("densenet201", "32-true")]
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)  # its advice
    warnings.filterwarnings("ignore", module="pytorch_lightning|torch")
    with TemporaryDirectory() as folder:
        return [
            figure
            for name, precision in cases
            for figure in _figures(Path(folder), name, precision, repeats=3 if quick else 5)
        ]


def _figures(folder: Path, name: str, precision: Precision, repeats: int) -> list[Figure]:
    steps = STEPS[name]
    root = folder / f"{steps}"
    if not root.is_dir():
        _paint(root, steps * BATCH_SIZE)
    memory = _Memory(root)
    ways = {
        "kept": _lightning(_Files(root), name, precision, kept=folder / "kept"),
        "files": _lightning(_Files(root), name, precision),
        "memory": _lightning(memory, name, precision),
        "plain": _plain(memory, name, precision),  # of the batches that Lightning's found
    }
    for train in ways.values():  # fills the file of decoded pictures, and warms up
        train()
    seconds: dict[str, list[float]] = {each: [] for each in ways}
    for turn in progress(range(repeats), f"Training {name}, {precision}"):
        for each in list(ways)[:: 1 if turn % 2 == 0 else -1]:
            seconds[each].append(ways[each]())
    medians = {each: median(found) for each, found in seconds.items()}
    about = f"{name}, {IMAGE_SIZE} px, {precision}: a step of {BATCH_SIZE}"

    def ratio(what: str, ours: str, other: str, against: str, target: float | None) -> Figure:
        return Figure(
            f"{about}, {what}",
            medians[other] / medians[ours],
            TIMES,
            medians[ours],
            medians[other],
            against,
            target,
            repeats,
        )

    held = "tensors in memory"
    return [
        ratio("pictures decoded once", "kept", "memory", held, TARGET),
        ratio("pictures decoded each time", "files", "memory", held, None),
        ratio("tensors in memory", "memory", "plain", "plain PyTorch loop", None),
    ]


class _Files(PictureFolder):
    """Painted pictures, augmented as the recipes do."""

    def __init__(self, root: Path) -> None:
        super().__init__(
            str(root),
            image_size=IMAGE_SIZE,
            batch_size=BATCH_SIZE,
            augmentation=Augmentation(flip=True, min_area=0.35),
        )


class _Memory(_Files):
    """The first epoch's batches."""

    @cached_property
    def batches(self) -> list[Batch]:
        """Uint8 pictures, augmented."""
        return list(super().train_dataloader())

    def train_dataloader(self) -> DataLoader[Batch]:
        """As they are."""
        return DataLoader(self.batches, batch_size=None)  # type: ignore[arg-type]


class _Stopwatch(Callback):
    """Keeps when each step of a training had ended."""

    def __init__(self) -> None:
        self.ended: list[float] = []

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:  # noqa: ARG002
        """Read the clock once the device has done its work."""
        self.ended.append(_now(pl_module.device))


def _lightning(
    data: _Files, name: str, precision: Precision, kept: Path | None = None
) -> Callable[[], float]:
    """Seconds of a step as `dlheir fit` takes it, the pictures kept decoded in a folder or not."""
    task = HashingTask(name=name, num_classes=data.num_classes, image_size=IMAGE_SIZE)
    if kept is not None:
        task.decoded = decoded_pictures(data, task.network.transform, kept)

    def train() -> float:
        stopwatch = _Stopwatch()
        trainer = Trainer(
            max_epochs=1,
            precision=precision,
            devices=1,
            callbacks=[stopwatch],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(task, datamodule=data)
        return _mean(stopwatch.ended)

    return train


def _plain(data: _Memory, name: str, precision: Precision) -> Callable[[], float]:
    """Seconds of a step of the loop that one would write without Lightning."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = get_model(name, bits=48, num_classes=data.num_classes, image_size=IMAGE_SIZE)
    network.to(device).to(memory_format=torch.channels_last).train()
    optimizer = SGD(network.parameters(), lr=0.01, momentum=0.9)

    def train() -> float:
        ended = []
        for batch in data.batches:
            pictures = network.transform.normalize(batch.image.to(device))
            pictures = pictures.contiguous(memory_format=torch.channels_last)
            with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16-mixed"):
                loss = cross_entropy(network(pictures), batch.label.to(device))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            ended.append(_now(device))
        return _mean(ended)

    return train


def _mean(ended: Sequence[float]) -> float:
    """Seconds of a step; the first, which waits for the loader's start, does not count."""
    return (ended[-1] - ended[0]) / (len(ended) - 1)


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _paint(root: Path, trained: int) -> None:
    """Paint JPEGs of which the split trains on at least `trained`."""
    each = math.ceil(trained / 0.8 / CLASSES)
    for label in progress(range(CLASSES), "Painting pictures"):
        folder = root / f"{label}"
        folder.mkdir(parents=True)
        for number in range(each):
            square = render(0, label, number, 384)
            Image.fromarray(square[64:-64]).save(folder / f"{number}.jpg", quality=90)
