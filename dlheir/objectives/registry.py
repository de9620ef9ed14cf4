"""The registry of training objectives."""

import difflib
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from dlheir.errors import InputError


class Objective(nn.Module, ABC):
    """What training makes small.

    Args:
        bits: Code length.
        num_classes: Number of classes.
    """

    def __init__(self, bits: int, num_classes: int) -> None:
        super().__init__()
        self.bits = bits
        self.num_classes = num_classes

    @abstractmethod
    def forward(self, logits: Tensor, activations: Tensor, labels: Tensor) -> Tensor:
        """The loss of one batch.

        Args:
            logits: (B, num_classes) of the network's classifier.
            activations: (B, bits) in (0, 1) of the hash layer.
            labels: (B,) int64.

        Returns:
            Scalar.
        """


_OBJECTIVES: dict[str, type[Objective]] = {}


def register_objective(name: str) -> Callable[[type[Objective]], type[Objective]]:
    """Decorator that makes an objective known by a name."""

    def add(objective: type[Objective]) -> type[Objective]:
        _OBJECTIVES[name] = objective
        return objective

    return add


def list_objectives() -> list[str]:
    """Names of all objectives, sorted."""
    return sorted(_OBJECTIVES)


def get_objective(name: str, bits: int, num_classes: int, **options: Any) -> Objective:
    """Build an objective.

    Args:
        name: One of `list_objectives()`.
        bits: Code length.
        num_classes: Number of classes.
        **options: Of this objective.

    Returns:
        The objective.

    Raises:
        InputError: The name or an option is unknown.
    """
    if name not in _OBJECTIVES:
        close = difflib.get_close_matches(name, _OBJECTIVES, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise InputError(
            f"unknown objective {name!r}; {hint}there are: {', '.join(list_objectives())}"
        )
    objective = _OBJECTIVES[name]
    known = set(inspect.signature(objective).parameters) - {"bits", "num_classes"}
    for option in options:
        if option not in known:
            taken = ", ".join(sorted(known)) or "no options"
            raise InputError(f"objective {name!r} takes no {option!r}; it takes {taken}")
    return objective(bits, num_classes, **options)
