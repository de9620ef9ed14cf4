"""Memory of a training step as in the paper: 64 pictures of 384 pixels, on a card of 11 GB.

A step is forward pass, loss, backward pass and SGD with momentum, by a process of its own on the
GPU if there is one. Steps that do not fit are scaled from two smaller ones: but for weights,
gradients and momentum, all memory grows with the batch.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import torch

from dlheir.benchmarks.figure import Figure
from dlheir.benchmarks.training_step import Step, peak_bytes
from dlheir.complexity.memory import activation_bytes
from dlheir.console import console, progress
from dlheir.errors import WorkError
from dlheir.models import get_model

IMAGE_SIZE, BATCH_SIZE = 384, 64  # the paper's
CARD_BYTES = 11e9  # of its card, a 2080 Ti
NETWORKS = ("densenet201", "dlheir")
BATCHES, QUICK_BATCHES = (4, 8), (2, 4)
# Of the memory that is free now, what a step may be expected to take.
_SHARE = 0.9


def measure(quick: bool) -> list[Figure]:
    """Take steps in float32 and bfloat16, and with activations kept and recomputed.

    Args:
        quick: `dlheir` alone, of smaller batches, and scaled from them in any case.
    """
    if not torch.cuda.is_available() and not Path("/proc/self/status").is_file():
        console.print("Memory is measured on GPUs and, of CPUs, on Linux: left out")
        return []
    batches = QUICK_BATCHES if quick else BATCHES
    names = NETWORKS[-1:] if quick else NETWORKS
    steps = [
        Step(name, IMAGE_SIZE, BATCH_SIZE, bf16, memory_efficient)
        for name, bf16, memory_efficient in product(names, (False, True), (False, True))
    ]
    return [
        figure
        for step in progress(steps, "Training a step")
        for figure in figures_of(step, batches, CARD_BYTES, room=0 if quick else _room())
    ]


def figures_of(step: Step, batches: tuple[int, int], card: float, room: float) -> Iterator[Figure]:
    """Measure one way to train.

    Args:
        step: The step that is wanted.
        batches: Sizes of two smaller ones.
        card: Memory in bytes of which to say how many pictures fit.
        room: Bytes that the wanted step may take; it is scaled where it needs more.

    Yields:
        Megabytes of the step, beside the activations that are counted, and pictures on the card.
    """
    line = _Line.through(*((size, peak_bytes(replace(step, batch=size))) for size in batches))
    peak, how = line.at(step.batch), f"scaled from {batches[0]} and {batches[1]}"
    if peak <= room:
        try:
            peak, how = peak_bytes(step), "measured"
        except WorkError as error:
            console.print(f"{error}: scaled instead")
    kind = "bf16-mixed" if step.bf16 else "fp32"
    option = ", memory_efficient" if step.memory_efficient else ""
    about = f"{step.network} at {step.image_size}, {kind}{option}"
    counted = "" if step.bf16 else f"counted activations: {_counted(step) / 1e6:,.0f} MB"
    yield Figure(f"{about}: a step of {step.batch}, {how}", peak / 1e6, "MB", against=counted)
    yield Figure(f"{about}: a step in {card / 1e9:g} GB", line.most_within(card), "pictures")


@dataclass(frozen=True)
class _Line:
    """Memory in bytes by pictures of a step."""

    at_none: float
    each: float

    @classmethod
    def through(cls, smaller: tuple[int, int], larger: tuple[int, int]) -> "_Line":
        each = (larger[1] - smaller[1]) / (larger[0] - smaller[0])
        return cls(smaller[1] - smaller[0] * each, each)

    def at(self, pictures: int) -> float:
        return self.at_none + pictures * self.each

    def most_within(self, room: float) -> int:
        return max(0, int((room - self.at_none) / self.each))


def _counted(step: Step) -> int:
    network = get_model(
        step.network, image_size=step.image_size, memory_efficient=step.memory_efficient
    )
    return step.batch * activation_bytes(network, step.image_size)


def _room() -> float:
    """Bytes that a step may take now."""
    if torch.cuda.is_available():
        free: float = torch.cuda.mem_get_info()[0]
        return _SHARE * free
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    (available,) = (line.split()[1] for line in lines if line.startswith("MemAvailable:"))
    return _SHARE * 1024 * int(available)
