"""Trained networks: the checkpoint files that training writes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from dlheir.errors import InputError
from dlheir.models.network import HashingNetwork
from dlheir.models.registry import find_entry
from dlheir.models.weights import check_state_dict, fill, read_torch_file

PREFIX = "network."
# Settings that older checkpoints do not name.
BEFORE_THERE_WAS_A_CHOICE = {"hash_order": "sigmoid_first", "head": "hash_layer"}
# A network runs at any size and however pictures are resized; memory_efficient changes no value.
FREE_SETTINGS = frozenset({"name", "image_size", "resize", "memory_efficient"})


@dataclass(frozen=True)
class TrainedNetwork:
    """What a checkpoint file says about its network.

    Attributes:
        settings: `HashingNetwork.settings`.
        state: the network's state dict.
    """

    settings: dict[str, Any]
    state: dict[str, Tensor]


def read_trained(path: Path) -> TrainedNetwork:
    """Read a Lightning checkpoint of a hashing task, without Lightning and without running code.

    Raises:
        InputError: the file is no such checkpoint.
    """
    content = read_torch_file(path)
    hyper_parameters = content.get("hyper_parameters")
    settings = hyper_parameters.get("network") if isinstance(hyper_parameters, dict) else None
    state = content.get("state_dict")
    if not isinstance(settings, dict) or "name" not in settings or not isinstance(state, dict):
        raise InputError(f"{path} is no checkpoint of dlheir: it names no network")
    named = check_state_dict(state, path)
    own = {k.removeprefix(PREFIX): v for k, v in named.items() if k.startswith(PREFIX)}
    return TrainedNetwork(BEFORE_THERE_WAS_A_CHOICE | settings, own)


def load_trained(network: HashingNetwork, path: str | Path) -> None:
    """Fill a network from a checkpoint of the same architecture.

    Raises:
        InputError: the file cannot be read, or its bits, classes or layers are others.
    """
    trained = read_trained(Path(path))
    _refuse_other_architecture(network.settings, trained.settings, path)
    fill(network, trained.state, f"checkpoint {path}")


def _refuse_other_architecture(
    asked: dict[str, Any], held: dict[str, Any], path: str | Path
) -> None:
    # Two names may stand for one builder: "densenet201" with a tail is "dlheir".
    if find_entry(asked["name"]).builder != find_entry(held["name"]).builder:
        raise InputError(
            f"checkpoint {path} holds model {held['name']!r}, not {asked['name']!r} as asked for"
        )
    for key in asked | held:
        if key not in FREE_SETTINGS and asked.get(key) != held.get(key):
            raise InputError(
                f"checkpoint {path} has {key} {held.get(key)}, not {asked.get(key)} as asked for"
            )
