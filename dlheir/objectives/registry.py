"""The registry of objectives: what makes codes out of feature maps."""

import difflib
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from torch import Generator, Tensor, nn

from dlheir.errors import InputError

Classifier = Callable[[Tensor], Tensor]


class Method(nn.Module, ABC):
    """What makes codes out of feature maps.

    Args:
        bits: Code length.
        num_classes: Number of classes that are trained on.

    Attributes:
        hash_order: The hash layer's order where the user names none, see `HashLayer`.
        head: "hash_layer", or "class_code" where the code is a predicted class's.
    """

    hash_order: ClassVar[str] = "pool_first"
    head: ClassVar[str] = "hash_layer"

    def __init__(self, bits: int, num_classes: int) -> None:
        super().__init__()
        self.bits = bits
        self.num_classes = num_classes


class Objective(Method):
    """What training by gradient steps makes small.

    Attributes:
        uses_classifier: Whether the network's classifier is trained by it.
    """

    uses_classifier: ClassVar[bool] = False

    @abstractmethod
    def forward(self, activations: Tensor, labels: Tensor, classifier: Classifier) -> Tensor:
        """The loss of one batch, finite for any batch.

        Args:
            activations: (B, bits) float32 of the hash layer in (0, 1), or rounded to 0 or 1.
            labels: (B,) int64 in 0 ... num_classes - 1.
            classifier: The network's, (B, bits) to logits (B, num_classes).

        Returns:
            Scalar.
        """

    def advance(self, progress: float) -> None:
        """Told before each step, for an objective that changes during training.

        Args:
            progress: Share of all steps that are done, in [0, 1).
        """


class ClosedForm(Method):
    """What is solved once from the training set's features, without gradients."""

    @abstractmethod
    def solve(
        self, features: Tensor, labels: Tensor, hash_layer: nn.Module, generator: Generator
    ) -> None:
        """Set the hash layer's weights in place.

        Args:
            features: (N, C) float32 on the CPU, feature maps averaged over places.
            labels: (N,) int64 in 0 ... num_classes - 1.
            hash_layer: The network's, `HashLayer` or what `head` names.
            generator: The CPU's, for what is random.

        Raises:
            InputError: The features, the code length or the hash layer do not fit.
        """


_OBJECTIVES: dict[str, type[Objective] | type[ClosedForm]] = {}
_Registered = TypeVar("_Registered", bound=type[Objective] | type[ClosedForm])


def register_objective(name: str) -> Callable[[_Registered], _Registered]:
    """Decorator that makes an objective known by a name."""

    def add(objective: _Registered) -> _Registered:
        _OBJECTIVES[name] = objective
        return objective

    return add


def list_objectives() -> list[str]:
    """Names of all objectives, sorted."""
    return sorted(_OBJECTIVES)


def objective_class(name: str) -> type[Objective] | type[ClosedForm]:
    """An objective's class, which knows `head` and `hash_order` before anything is built.

    Raises:
        InputError: The name is unknown.
    """
    if name not in _OBJECTIVES:
        close = difflib.get_close_matches(name, _OBJECTIVES, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise InputError(
            f"unknown objective {name!r}; {hint}there are: {', '.join(list_objectives())}"
        )
    return _OBJECTIVES[name]


def get_objective(name: str, bits: int, num_classes: int, **options: Any) -> Objective | ClosedForm:
    """Build an objective.

    Args:
        name: One of `list_objectives()`.
        bits: Code length.
        num_classes: Number of classes that are trained on.
        **options: Of this objective.

    Returns:
        The objective.

    Raises:
        InputError: The name or an option is unknown, or an option's value is not allowed.
    """
    objective = objective_class(name)
    known = set(inspect.signature(objective).parameters) - {"bits", "num_classes"}
    for option in options:
        if option not in known:
            taken = ", ".join(sorted(known)) or "no options"
            raise InputError(f"objective {name!r} takes no {option!r}; it takes {taken}")
    return objective(bits, num_classes, **options)
