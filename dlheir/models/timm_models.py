"""timm's models as trunks, by the names `timm/<name>`; timm itself is an extra."""

import difflib
import functools
import math
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from dlheir.errors import InputError
from dlheir.models.registry import TIMM, ModelEntry
from dlheir.models.transform import SMALLEST_SIDE
from dlheir.models.trunk import Trunk

CLOSEST = 3  # names that a message offers


@functools.cache
def timm_entry(name: str) -> ModelEntry:
    """Return the entry of a timm model.

    Args:
        name: as `timm.create_model` takes it, with or without the tag of its weights.

    Raises:
        InputError: timm is not installed, or has no model of this name.
    """
    timm = _import_timm(name)
    _check_name(timm, name)
    published = timm.get_pretrained_cfg(name)
    smallest = published.min_input_size[-1] if published.min_input_size else 0
    return ModelEntry(
        name=TIMM + name,
        builder=TimmBuilder(name),
        default_tail="none",
        pretrained=TimmWeights(name) if published.has_weights else None,
        licence=published.license or "not stated by timm",
        defaults={},
        mean=tuple(published.mean),
        std=tuple(published.std),
        prefix="",
        adapt_weights=fit_published,
        smallest_side=max(SMALLEST_SIDE, smallest),
        side_multiple=_side_multiple(timm, name) if published.fixed_input_size else 1,
    )


@dataclass(frozen=True)
class TimmBuilder:
    """Builds the trunk of one timm model; two of one name are equal.

    Attributes:
        name: as `timm.create_model` takes it.
    """

    name: str

    def __call__(self, *, image_size: int) -> Trunk:
        """Build the trunk for pictures of one size.

        Raises:
            InputError: timm does not build the model for this size, or it makes no feature map.
        """
        try:
            features = TimmFeatures(self.name, image_size)
        except InputError:
            raise
        except Exception as error:  # each of timm's models checks its input in its own way
            raise InputError(
                f"model {TIMM + self.name!r} does not take pictures of {image_size} px "
                f"({_one_line(error)}): change image_size"
            ) from error
        return Trunk(features, features.channels, features.stride)


@dataclass(frozen=True)
class TimmWeights:
    """The weights that timm publishes for one model, as the registry's `Pretrained`.

    Attributes:
        name: as `timm.create_model` takes it.
    """

    name: str

    @property
    def url(self) -> str:
        """Where the file is that torch can read."""
        published = _import_timm(self.name).get_pretrained_cfg(self.name)
        if published.hf_hub_id:
            file = published.hf_hub_filename or "pytorch_model.bin"
            return f"https://huggingface.co/{published.hf_hub_id}/resolve/main/{file}"
        return str(published.url)

    def get_state_dict(self, *, progress: bool, check_hash: bool) -> dict[str, Tensor]:
        """Download the weights, or take them from the user's cache.

        Returns:
            The whole model's state dict at the size that it was trained with, in timm's names.

        Raises:
            OSError: they cannot be had; whatever the download raised is its cause.
        """
        timm = _import_timm(self.name)
        timm.models.set_pretrained_download_progress(progress)
        timm.models.set_pretrained_check_hash(check_hash)
        try:
            model: nn.Module = timm.create_model(self.name, pretrained=True)
        except Exception as error:  # of urllib, of huggingface_hub, and of what that uses
            raise OSError(_one_line(error)) from error
        return model.state_dict()


class TimmFeatures(nn.Module):
    """A timm model's `forward_features` as feature maps (B, C, h, w).

    Layers that these do not depend on, such as the head, are dropped.

    Args:
        name: as `timm.create_model` takes it.
        image_size: side of the pictures in pixels.

    Attributes:
        model: timm's model.
        channels: C.
        stride: pixels of the picture per place, as timm states it.

    Raises:
        InputError: the model makes no feature map.
    """

    def __init__(self, name: str, image_size: int) -> None:
        super().__init__()
        self.name = name
        self.image_size = image_size
        self.model = _create(name, image_size)
        self.model.eval()
        with torch.enable_grad():  # the graph tells which layers were used
            outputs = self.model.forward_features(torch.zeros(1, 3, image_size, image_size))
        self.layout, self.prefix_tokens = _layout(outputs, self.model, name)
        _drop_unused(self.model, outputs)
        self.model.train()
        self.channels: int = self._maps(outputs).shape[1]
        self.stride: int = self.model.feature_info[-1]["reduction"]

    def forward(self, images: Tensor) -> Tensor:
        """Map (B, 3, H, W) to (B, C, h, w)."""
        outputs: Tensor = self.model.forward_features(images)
        return self._maps(outputs)

    def _maps(self, outputs: Tensor) -> Tensor:
        if self.layout == "NCHW":
            return outputs
        if self.layout == "NHWC":
            return outputs.permute(0, 3, 1, 2)
        patches = outputs[:, self.prefix_tokens :].transpose(1, 2)
        side = math.isqrt(patches.shape[2])
        return patches.reshape(*patches.shape[:2], side, side)


def fit_published(state: dict[str, Tensor], features: nn.Module) -> dict[str, Tensor]:
    """Fit a published state dict of a timm model to the features.

    Where names or shapes differ (position embeddings of another size, files of an older timm), timm
    converts it as it does when it loads the file itself.

    Args:
        state: of the whole model with its head; without the head only where nothing differs.
        features: the `TimmFeatures` to fill.

    Raises:
        InputError: timm cannot convert it.
    """
    assert isinstance(features, TimmFeatures)  # as `timm_entry` has it
    own: dict[str, Tensor] = features.model.state_dict()
    fits = all(key in state and state[key].shape == value.shape for key, value in own.items())
    ready = state if fits else _converted(state, features)
    return {f"model.{key}": ready[key] for key in own if key in ready}


def _converted(state: dict[str, Tensor], features: TimmFeatures) -> dict[str, Tensor]:
    try:
        model: nn.Module = _create(
            features.name,
            features.image_size,
            pretrained=True,
            pretrained_cfg_overlay={"state_dict": state},
            num_classes=None,  # the published head: timm then says what is missing
        )
    except Exception as error:  # each of timm's models converts in its own way
        raise InputError(
            f"backbone_weights do not fit model {TIMM + features.name!r} "
            f"at {features.image_size} px: {_one_line(error)}"
        ) from error
    return model.state_dict()


def _create(name: str, image_size: int, *, num_classes: int | None = 0, **options: Any) -> Any:
    """Return timm's model, an `nn.Module` with more attributes than that, for one size."""
    timm = _import_timm(name)
    if timm.get_pretrained_cfg(name).fixed_input_size:
        options["img_size"] = image_size
    return timm.create_model(name, num_classes=num_classes, **options)


def _import_timm(name: str) -> ModuleType:
    try:
        import timm
    except ImportError as error:
        raise InputError(f"model {TIMM + name!r} needs timm: pip install 'dlheir[timm]'") from error
    return timm


def _check_name(timm: ModuleType, name: str) -> None:
    """Raise an InputError that names the closest models if timm has none of this name."""
    known = {*timm.list_models(), *timm.list_models(include_tags=True)}
    if name not in known:
        closest = difflib.get_close_matches(name, sorted(known), n=CLOSEST)
        hint = f"did you mean {', '.join(TIMM + other for other in closest)}? " if closest else ""
        raise InputError(f"unknown model {TIMM + name!r}: {hint}timm.list_models() names all")


def _side_multiple(timm: ModuleType, name: str) -> int:
    """What the side must be a multiple of, in a model that is built for one size."""
    with torch.random.fork_rng(devices=[]), torch.device("meta"):  # its layers without weights
        model = timm.create_model(name)
    patch_size = getattr(getattr(model, "patch_embed", None), "patch_size", None)
    if patch_size is None:
        return int(model.feature_info[-1]["reduction"])
    return patch_size if isinstance(patch_size, int) else max(patch_size)


def _layout(outputs: object, model: Any, name: str) -> tuple[str, int]:
    """Return how `forward_features` orders what it makes of one square picture.

    Returns:
        "NCHW", "NHWC" or "tokens"; and how many tokens (of the class, of distillation, registers)
        stand before the patches'.
    """
    if isinstance(outputs, Tensor):
        _, *sides = outputs.shape
        if len(sides) == 3 and sides[1] == sides[2]:
            return "NCHW", 0
        if len(sides) == 3 and sides[0] == sides[1]:
            return "NHWC", 0
        # A few models do not state it; those have a class token or none.
        for prefix in [model.num_prefix_tokens] if hasattr(model, "num_prefix_tokens") else [0, 1]:
            if len(sides) == 2 and _is_square(sides[0] - prefix):
                return "tokens", prefix
    raise InputError(
        f"model {TIMM + name!r} makes no feature map, which the hash layer takes: use another"
    )


def _is_square(places: int) -> bool:
    return places > 0 and math.isqrt(places) ** 2 == places


def _drop_unused(model: nn.Module, outputs: Tensor) -> None:
    """Replace the model's own children that no parameter of reaches `outputs`."""
    used = _parameters_behind(outputs)
    for name, child in list(model.named_children()):
        trained = [parameter for parameter in child.parameters() if parameter.requires_grad]
        if trained and used.isdisjoint(trained):
            setattr(model, name, nn.Identity())


def _parameters_behind(outputs: Tensor) -> set[Tensor]:
    """Return the parameters that `outputs` were computed from, by autograd's graph."""
    parameters: set[Tensor] = set()
    seen = set()
    waiting = [outputs.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):  # where a parameter's gradient would be summed up
            parameters.add(node.variable)
        waiting.extend(earlier for earlier, _ in node.next_functions)
    return parameters


def _one_line(error: Exception) -> str:
    return " ".join(f"{error}".split()) or type(error).__name__
