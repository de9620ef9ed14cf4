"""Naming a run after its settings and its data, before there is a network."""

from pathlib import Path
from typing import Any

from dlheir.data import PictureFolder
from dlheir.errors import InputError
from dlheir.files import sha256_of_file
from dlheir.runs import RunFolder, run_id


def run_of(config: dict[str, Any], data: PictureFolder, tested: Path | None = None) -> RunFolder:
    """Find the folder of a run.

    Args:
        config: The resolved configuration.
        data: What its section `data` makes.
        tested: The checkpoint, where the run tests one without training.

    Raises:
        InputError: The file of backbone weights is missing.
    """
    name = run_id(_decisive(config, data), _content(config, data, tested))
    return RunFolder(Path(config["runs"], config["experiment"], name))


def _decisive(config: dict[str, Any], data: PictureFolder) -> dict[str, Any]:
    """The configuration in the flat sections that `run_id` looks at."""
    settings = {**config["data"]["init_args"], "set": data.set_name, "image_size": data.image_size}
    return {**config, "data": settings}


def _content(config: dict[str, Any], data: PictureFolder, tested: Path | None) -> dict[str, Any]:
    """Hashes of what the configuration only points to."""
    content: dict[str, Any] = {"split": data.split_sha256}
    weights = config["model"]["backbone_weights"]
    if weights is not None:
        content["backbone_weights"] = weights if weights == "DEFAULT" else _sha256(Path(weights))
    if tested is not None:
        content["tested"] = sha256_of_file(tested)
    return content


def _sha256(weights: Path) -> str:
    if not weights.is_file():
        raise InputError(f"no such weights file: {weights}")
    return sha256_of_file(weights)
