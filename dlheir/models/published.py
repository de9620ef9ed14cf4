"""Published checkpoints: weights in half precision and what rebuilds the network, in one file.

The format is safetensors: opening such a file runs no code, whoever made it. A weight of two or
more dimensions is float16, whatever else is a float (biases, batch norms, thresholds) float32.
The same network gives the same bytes.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from dlheir.errors import InputError
from dlheir.files import written_whole
from dlheir.models.trained_network import TrainedNetwork

SUFFIX = ".safetensors"
# Of the metadata: safetensors writes several keys in an order that changes from run to run.
KEY = "dlheir"
SCHEMA = 1


def write_published(
    path: Path, network: Mapping[str, Any], state: Mapping[str, Tensor], about: Mapping[str, Any]
) -> None:
    """Write a network, whole or not at all.

    Args:
        path: ends in .safetensors.
        network: `HashingNetwork.settings`.
        state: the network's state dict, of floats of any precision.
        about: what else the file shall say, as values of JSON, such as its run id.

    Raises:
        InputError: a value is not finite, or too large for half precision.
    """
    stored = {
        key: _stored(key, value)
        for key, value in state.items()
        if not key.endswith("num_batches_tracked")  # no network reads them
    }
    said = {**about, "schema": SCHEMA, "network": dict(network)}
    metadata = _json({**said, "sha256": _digest(said, stored)})
    with written_whole(path) as part:
        part.write_bytes(save(stored, {KEY: metadata}))  # save_file's are for their owner alone


def read_published(path: Path) -> TrainedNetwork:
    """Read a published file; its floats become float32.

    A digest in the file tells of damage. It tells nothing of who made the file: that is known of
    a checkpoint that is called by its name alone, whose SHA-256 the registry has.

    Raises:
        InputError: there is no such file, or it is damaged, or is none that dlheir has published.
    """
    if not path.is_file():
        raise InputError(f"no such weights file: {path}")
    try:
        with safe_open(path, "pt") as file:
            metadata = (file.metadata() or {}).get(KEY)
            stored = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(
            f"{path}: not a whole safetensors file; bring it here again from where it came"
        ) from error
    said = _said(metadata, path)
    if said.pop("sha256", None) != _digest(said, stored):
        raise InputError(
            f"{path}: damaged, its content is not what was written; bring it here again from "
            "where it came"
        )
    state = {k: v.float() if v.is_floating_point() else v for k, v in stored.items()}
    return TrainedNetwork(said["network"], state)


def _stored(key: str, value: Tensor) -> Tensor:
    if not value.is_floating_point():
        return value.detach().cpu().contiguous()
    stored = value.detach().cpu().to(torch.float16 if value.ndim > 1 else torch.float32)
    if not stored.isfinite().all():
        largest = value.detach().abs().max().item()
        raise InputError(
            f"{key} has the value {largest:g}, which {str(stored.dtype).removeprefix('torch.')} "
            "cannot hold; train with a lower learning rate or with weight decay"
        )
    return stored.contiguous()


def _said(metadata: str | None, path: Path) -> dict[str, Any]:
    if metadata is None:
        raise InputError(
            f"{path}: a safetensors file that does not say which network it is of; give one that "
            "dlheir has published"
        )
    try:
        said = json.loads(metadata)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: damaged, its metadata is no JSON") from error
    if not isinstance(said, dict) or "schema" not in said:
        raise InputError(f"{path}: damaged, its metadata names no schema")
    if said["schema"] != SCHEMA:
        raise InputError(
            f"{path}: of schema {said['schema']!r}, and this dlheir reads schema {SCHEMA}; "
            "install one that reads it"
        )
    network = said.get("network")
    if not isinstance(network, dict) or "name" not in network:
        raise InputError(f"{path}: damaged, its metadata names no network")
    return said


def _digest(said: Mapping[str, Any], stored: Mapping[str, Tensor]) -> str:
    """SHA-256 over all that a file holds."""
    digest = hashlib.sha256(_json(said).encode())
    for key, value in sorted(stored.items()):
        digest.update(f"\n{key} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
