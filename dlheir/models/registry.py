"""The registry of models: a name and the function that builds its trunk."""

import difflib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from torchvision.models import WeightsEnum

from dlheir.errors import InputError
from dlheir.models.checks import check_choice
from dlheir.models.transform import IMAGENET_MEAN, IMAGENET_STD
from dlheir.models.trunk import Trunk

TAILS = ("none", "inverted_residual")
TAIL_OPTIONS = frozenset({"replace_last", "expansion", "block_channels"})

Builder = TypeVar("Builder", bound=Callable[..., Trunk])


@dataclass(frozen=True)
class ModelEntry:
    """One registered model.

    Attributes:
        name: what `get_model` knows it by.
        builder: builds the trunk. Its keyword arguments with their defaults are the model's
            options; a builder that takes `tail` can replace its last layers.
        default_tail: one of `TAILS`.
        pretrained: torchvision's ImageNet weights, None if there are none.
        defaults: options whose default is another than the builder's.
        mean: mean of each input channel, in 0 ... 1.
        std: standard deviation of each input channel, in 0 ... 1.
    """

    name: str
    builder: Callable[..., Trunk]
    default_tail: str
    pretrained: WeightsEnum | None
    defaults: dict[str, Any]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def build(self, tail: str, options: dict[str, Any]) -> Trunk:
        """Build the trunk from a tail and options that were resolved before."""
        return self.builder(**({"tail": tail} if self._takes_tail else {}), **options)

    def resolve_tail(self, tail: str | None) -> str:
        """Return the tail to build: the entry's default for None.

        Raises:
            InputError: there is no such tail, or this backbone has no replacement.
        """
        chosen = self.default_tail if tail is None else check_choice("tail", tail, TAILS)
        if chosen != "none" and not self._takes_tail:
            raise InputError(
                f"model {self.name!r} has no layers that tail={chosen!r} could replace: use 'none'"
            )
        return chosen

    def resolve_options(self, tail: str, options: dict[str, Any]) -> dict[str, Any]:
        """Return every option of the model with this tail: as given, else its default.

        Raises:
            InputError: an option that the model does not take with this tail.
        """
        known = self._option_defaults()
        if tail == "none":
            known = {name: value for name, value in known.items() if name not in TAIL_OPTIONS}
        for name in options:
            if name not in known:
                taken = ", ".join(sorted(known)) or "no options"
                raise InputError(
                    f"model {self.name!r} with tail {tail!r} takes no {name!r}; it takes {taken}"
                )
        return known | options

    @property
    def _takes_tail(self) -> bool:
        return "tail" in inspect.signature(self.builder).parameters

    def _option_defaults(self) -> dict[str, Any]:
        parameters = inspect.signature(self.builder).parameters.values()
        return {p.name: p.default for p in parameters if p.name != "tail"} | self.defaults


_entries: dict[str, ModelEntry] = {}


def register_model(
    name: str,
    *,
    tail: str = "none",
    pretrained: WeightsEnum | None = None,
    mean: tuple[float, float, float] = IMAGENET_MEAN,
    std: tuple[float, float, float] = IMAGENET_STD,
    **defaults: Any,
) -> Callable[[Builder], Builder]:
    """Register a trunk builder under a name; one builder may have several.

    Args:
        name: what `get_model` will know it by.
        tail: the tail where `get_model` is given None.
        pretrained: torchvision's entry for the ImageNet weights.
        mean: mean of each input channel in the pretraining, in 0 ... 1.
        std: standard deviation of each input channel, in 0 ... 1.
        defaults: defaults of options that differ from the builder's own.

    Raises:
        ValueError: the name is taken.
    """

    def register(builder: Builder) -> Builder:
        if name in _entries:
            raise ValueError(f"a model named {name!r} is registered already")
        _entries[name] = ModelEntry(name, builder, tail, pretrained, defaults, mean, std)
        return builder

    return register


def list_models() -> list[str]:
    """Return the names of all models, sorted."""
    return sorted(_entries)


def find_entry(name: str) -> ModelEntry:
    """Return a model's entry.

    Raises:
        InputError: no model has this name; the message names the closest and all known ones.
    """
    if isinstance(name, str) and name in _entries:
        return _entries[name]
    closest = difflib.get_close_matches(str(name), _entries, n=1)
    hint = f"did you mean {closest[0]!r}? " if closest else ""
    raise InputError(f"unknown model {name!r}: {hint}known models: {', '.join(list_models())}")
