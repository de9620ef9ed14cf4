"""Backbone weights: torchvision's ImageNet weights or a state dict file."""

import re
from http.client import HTTPException
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dlheir.errors import InputError
from dlheir.models.registry import ModelEntry

SHOWN = 3  # keys that a message names

# torchvision's DenseNet files say `denselayer1.norm.1.weight` where its modules now say
# `denselayer1.norm1.weight` (torchvision.models.densenet._load_state_dict).
_OLD_DENSENET_KEY = re.compile(
    r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\.(?:weight|bias|running_mean|running_var))$"
)


def load_backbone(features: nn.Module, entry: ModelEntry, source: str | Path) -> None:
    """Fill every layer of `features`.

    What the source holds beyond them (the classifier, layers that a tail replaces) is left out.

    Args:
        features: the backbone's layers, named as in the published state dict.
        entry: the model, for its ImageNet weights.
        source: "DEFAULT" for the model's ImageNet weights, else the path of a state dict file.

    Raises:
        InputError: the weights cannot be had or read, lack a layer, or have another shape.
    """
    if str(source) == "DEFAULT":
        state = _download(entry)
    else:
        state = check_state_dict(read_torch_file(Path(source)), source)
    named = {_OLD_DENSENET_KEY.sub(r"\1\2", key): value for key, value in state.items()}
    own = {k.removeprefix(entry.prefix): v for k, v in named.items() if k.startswith(entry.prefix)}
    found = entry.adapt_weights(own, features) if entry.adapt_weights else own
    fill(features, found, f"backbone_weights {source} for model {entry.name!r}")


def fill(module: nn.Module, state: dict[str, Tensor], source: str) -> None:
    """Load all of a module's state; what `state` holds beyond it is left out.

    Args:
        module: what to fill.
        state: values by the module's own keys.
        source: what the message calls the origin of `state`.

    Raises:
        InputError: a value is missing or has another shape; the message names the first ones.
    """
    wanted = module.state_dict()
    # Old files have no such counters; nothing here reads them, and torch starts them at zero.
    needed = [key for key in wanted if not key.endswith("num_batches_tracked")]
    missing = [key for key in needed if key not in state]
    if missing:
        raise InputError(f"{source}: values missing ({len(missing)}): {_first(missing)}")
    misfits = [
        f"{key} {tuple(state[key].shape)} instead of {tuple(wanted[key].shape)}"
        for key in needed
        if state[key].shape != wanted[key].shape
    ]
    if misfits:
        raise InputError(f"{source}: values of another shape ({len(misfits)}): {_first(misfits)}")
    module.load_state_dict({key: state[key] for key in wanted if key in state})


def read_torch_file(path: Path) -> dict[str, Any]:
    """Read a dictionary that `torch.save` wrote, to the CPU and without running code from it.

    Raises:
        InputError: there is no such file, or it holds something else.
    """
    if not path.is_file():
        raise InputError(f"no such weights file: {path}")
    try:
        content = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # torch raises many kinds, some with pages of advice
        raise InputError(
            f"{path} is not a file of tensors and plain values that torch.load can read"
        ) from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds a {type(content).__name__}, not a dictionary")
    return content


def check_state_dict(content: dict[Any, Any], source: str | Path) -> dict[str, Tensor]:
    """Return `content` if it maps names to tensors and nothing else.

    Raises:
        InputError: it does not; the message names `source` and the first other entries.
    """
    strange = [k for k, v in content.items() if not (isinstance(k, str) and isinstance(v, Tensor))]
    if strange:
        raise InputError(f"{source} is no state dict: no tensor of a name at {_first(strange)}")
    return content


def _download(entry: ModelEntry) -> dict[str, Tensor]:
    if entry.pretrained is None:
        raise InputError(
            f"model {entry.name!r} has no ImageNet weights: "
            "leave backbone_weights out or give the path of a state dict"
        )
    try:
        state = dict(entry.pretrained.get_state_dict(progress=True, check_hash=True))
    except (OSError, RuntimeError, HTTPException) as error:  # no network, wrong hash, cut short
        raise InputError(
            f"cannot download the ImageNet weights of {entry.name!r} ({error}): "
            f"download {entry.pretrained.url} on a connected machine "
            "and give its path as backbone_weights"
        ) from error
    return state


def _first(names: list[Any]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(str(name) for name in names[:SHOWN]) + more
