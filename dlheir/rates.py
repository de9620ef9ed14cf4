"""Learning rates: which there can be, and how they change during training."""

import math
from collections.abc import Callable
from typing import Literal

from dlheir.errors import InputError

Schedule = Literal["constant", "cosine"]


def schedule_of(schedule: Schedule, warmup: int, steps: float) -> Callable[[int], float]:
    """The learning rate's factor by step: linear warm-up, then constant or half a cosine.

    Args:
        schedule: What follows the warm-up.
        warmup: Steps of the warm-up.
        steps: Steps in all.
    """

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        if schedule == "constant":
            return 1.0
        done = (step - warmup) / max(steps - warmup, 1)
        return 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))

    return factor


def check_rates(
    learning_rate: float,
    backbone_lr_scale: float,
    momentum: float,
    weight_decay: float,
    warmup_epochs: float,
) -> None:
    """Refuse rates with which nothing could be trained.

    Raises:
        InputError: One is out of range.
    """
    for name, value in (
        ("learning_rate", learning_rate),
        ("backbone_lr_scale", backbone_lr_scale),
    ):
        if not value > 0:
            raise InputError(f"model.{name} is {value}; it must be above 0")
    if not 0 <= momentum < 1:
        raise InputError(f"model.momentum is {momentum}; it must be in [0, 1)")
    for name, value in (("weight_decay", weight_decay), ("warmup_epochs", warmup_epochs)):
        if not value >= 0:
            raise InputError(f"model.{name} is {value}; it must not be negative")
