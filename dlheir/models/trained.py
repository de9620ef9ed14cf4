"""Trained networks: the checkpoint files that training writes, and the published ones."""

from pathlib import Path
from typing import Any

from dlheir.checkpoints import locate
from dlheir.errors import InputError
from dlheir.models.network import HashingNetwork
from dlheir.models.published import SUFFIX, read_published
from dlheir.models.registry import find_entry
from dlheir.models.trained_network import TrainedNetwork
from dlheir.models.weights import check_state_dict, fill, read_torch_file

PREFIX = "network."
# Settings that older checkpoints do not name.
BEFORE_THERE_WAS_A_CHOICE = {"hash_order": "sigmoid_first", "head": "hash_layer"}
# A network runs at any size and however pictures are resized; memory_efficient changes no value.
FREE_SETTINGS = frozenset({"name", "image_size", "resize", "memory_efficient"})


def read_trained(path: Path) -> TrainedNetwork:
    """Read a checkpoint without running code from it: a published file by its suffix, else a run's.

    Raises:
        InputError: the file is no checkpoint.
    """
    return read_published(path) if is_published(path) else _read_of_a_run(path)


def is_published(path: Path) -> bool:
    """Tell whether a file, by its name, holds a network alone, without a state of training."""
    return path.suffix == SUFFIX


def load_trained(network: HashingNetwork, name_or_path: str | Path) -> None:
    """Fill a network from a checkpoint of the same architecture.

    Args:
        network: what to fill.
        name_or_path: a name in the registry of checkpoints, or the path of a file.

    Raises:
        InputError: there is no such checkpoint, it cannot be read, or its bits, classes or layers
            are others.
        WorkError: it cannot be downloaded.
    """
    trained = read_trained(locate(name_or_path))
    _refuse_other_architecture(network.settings, trained.settings, name_or_path)
    fill(network, trained.state, f"checkpoint {name_or_path}")


def _read_of_a_run(path: Path) -> TrainedNetwork:
    content = read_torch_file(path)
    hyper_parameters = content.get("hyper_parameters")
    settings = hyper_parameters.get("network") if isinstance(hyper_parameters, dict) else None
    state = content.get("state_dict")
    if not isinstance(settings, dict) or "name" not in settings or not isinstance(state, dict):
        raise InputError(f"{path} is no checkpoint of dlheir: it names no network")
    named = check_state_dict(state, path)
    own = {k.removeprefix(PREFIX): v for k, v in named.items() if k.startswith(PREFIX)}
    return TrainedNetwork(BEFORE_THERE_WAS_A_CHOICE | settings, own)


def _refuse_other_architecture(
    asked: dict[str, Any], held: dict[str, Any], path: str | Path
) -> None:
    try:
        builder = find_entry(held["name"]).builder
    except InputError as error:
        raise InputError(f"checkpoint {path}: {error}") from error
    # Two names may stand for one builder: "densenet201" with a tail is "dlheir".
    if find_entry(asked["name"]).builder != builder:
        raise InputError(
            f"checkpoint {path} holds model {held['name']!r}, not {asked['name']!r} as asked for"
        )
    for key in asked | held:
        if key not in FREE_SETTINGS and asked.get(key) != held.get(key):
            raise InputError(
                f"checkpoint {path} has {key} {held.get(key)}, not {asked.get(key)} as asked for"
            )
