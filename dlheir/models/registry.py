"""The registry of models: a name and the function that builds its trunk."""

import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from torch import Tensor, nn

from dlheir.errors import InputError
from dlheir.models.checks import check_choice, check_integer
from dlheir.models.transform import IMAGENET_MEAN, IMAGENET_STD, SMALLEST_SIDE
from dlheir.models.trunk import Trunk

TAILS = ("none", "inverted_residual")
# Of the code, and what is known of weights that torchvision's authors trained.
TORCHVISION_LICENCE = "BSD-3-Clause (torchvision); trained on ImageNet: non-commercial"
TAIL_OPTIONS = frozenset({"replace_last", "expansion", "block_channels"})

# Of a builder's arguments, those that are no options of the model.
_GIVEN = frozenset({"tail", "image_size"})
TIMM = "timm/"

Builder = TypeVar("Builder", bound=Callable[..., Trunk])
# Fits a published state dict, without its prefix, to the features that it is to fill.
AdaptWeights = Callable[[dict[str, Tensor], nn.Module], dict[str, Tensor]]


class Pretrained(Protocol):
    """Published weights, as torchvision's `WeightsEnum` members are."""

    @property
    def url(self) -> str:
        """Where the file is."""

    def get_state_dict(self, *, progress: bool, check_hash: bool) -> Mapping[str, Any]:
        """Download it, or take it from the user's cache."""


@dataclass(frozen=True)
class ModelEntry:
    """One registered model.

    Attributes:
        name: what `get_model` knows it by.
        builder: builds the trunk. Its keyword arguments with their defaults are the model's
            options; a builder that takes `tail` can replace its last layers, one that takes
            `image_size` is built for pictures of that size alone.
        default_tail: one of `TAILS`.
        pretrained: the ImageNet weights, None if there are none.
        licence: of these weights.
        defaults: options whose default is another than the builder's.
        mean: mean of each input channel, in 0 ... 1.
        std: standard deviation of each input channel, in 0 ... 1.
        prefix: what the layers' keys begin with in the published state dict.
        adapt_weights: fits a published state dict to the features; None where it fits as it is.
        smallest_side: of the pictures, in pixels.
        side_multiple: what the pictures' side must be a multiple of, in pixels.
    """

    name: str
    builder: Callable[..., Trunk]
    default_tail: str
    pretrained: Pretrained | None
    licence: str
    defaults: dict[str, Any]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    prefix: str = "features."
    adapt_weights: AdaptWeights | None = None
    smallest_side: int = SMALLEST_SIDE
    side_multiple: int = 1

    def build(self, tail: str, image_size: int, options: dict[str, Any]) -> Trunk:
        """Build the trunk from a tail, a size and options that were resolved before."""
        given = {"tail": tail, "image_size": image_size}
        taken = {name: value for name, value in given.items() if name in self._parameters}
        return self.builder(**taken, **options)

    def check_image_size(self, image_size: int) -> int:
        """Return a side that pictures of this model can have.

        Raises:
            InputError: it is too small, or no multiple of what the model divides pictures into.
        """
        check_integer("image_size", image_size, low=SMALLEST_SIDE)
        if image_size < self.smallest_side:
            raise InputError(
                f"image_size must be at least {self.smallest_side} for model {self.name!r}, "
                f"not {image_size}"
            )
        if image_size % self.side_multiple:
            raise InputError(
                f"image_size must be a multiple of {self.side_multiple} for model {self.name!r}, "
                f"not {image_size}"
            )
        return image_size

    def resolve_tail(self, tail: str | None) -> str:
        """Return the tail to build: the entry's default for None.

        Raises:
            InputError: there is no such tail, or this backbone has no replacement.
        """
        chosen = self.default_tail if tail is None else check_choice("tail", tail, TAILS)
        if chosen != "none" and not self.takes_tail:
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
    def takes_tail(self) -> bool:
        """Whether an inverted residual block can take the place of its last layers."""
        return "tail" in self._parameters

    @property
    def _parameters(self) -> Mapping[str, inspect.Parameter]:
        return inspect.signature(self.builder).parameters

    def _option_defaults(self) -> dict[str, Any]:
        options = {n: p.default for n, p in self._parameters.items() if n not in _GIVEN}
        return options | self.defaults


_entries: dict[str, ModelEntry] = {}


def register_model(
    name: str,
    *,
    tail: str = "none",
    pretrained: Pretrained | None = None,
    licence: str = TORCHVISION_LICENCE,
    mean: tuple[float, float, float] = IMAGENET_MEAN,
    std: tuple[float, float, float] = IMAGENET_STD,
    prefix: str = "features.",
    adapt_weights: AdaptWeights | None = None,
    smallest_side: int = SMALLEST_SIDE,
    side_multiple: int = 1,
    **defaults: Any,
) -> Callable[[Builder], Builder]:
    """Register a trunk builder under a name; one builder may have several.

    Args:
        name: what `get_model` will know it by.
        tail: the tail where `get_model` is given None.
        pretrained: torchvision's entry for the ImageNet weights.
        licence: of these weights.
        mean: mean of each input channel in the pretraining, in 0 ... 1.
        std: standard deviation of each input channel, in 0 ... 1.
        prefix: what the layers' keys begin with in the published state dict.
        adapt_weights: fits a published state dict to the features; None where it fits as it is.
        smallest_side: of the pictures, in pixels.
        side_multiple: what the pictures' side must be a multiple of, in pixels.
        defaults: defaults of options that differ from the builder's own.

    Raises:
        ValueError: the name is taken.
    """

    def register(builder: Builder) -> Builder:
        if name in _entries:
            raise ValueError(f"a model named {name!r} is registered already")
        _entries[name] = ModelEntry(
            name,
            builder,
            tail,
            pretrained,
            licence,
            defaults,
            mean,
            std,
            prefix,
            adapt_weights,
            smallest_side,
            side_multiple,
        )
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
    if isinstance(name, str) and name.startswith(TIMM):
        from dlheir.models.timm_models import timm_entry  # only where it is asked for: an extra

        return timm_entry(name.removeprefix(TIMM))
    if isinstance(name, str) and name in _entries:
        return _entries[name]
    closest = difflib.get_close_matches(str(name), _entries, n=1)
    hint = f"did you mean {closest[0]!r}? " if closest else ""
    raise InputError(
        f"unknown model {name!r}: {hint}known models: {', '.join(list_models())}, and timm/NAME"
    )
