"""Names of checkpoints: `arch.tag`, such as mobilenet_v2.corel5k_48b."""

import re
from typing import Any

from dlheir.errors import InputError

USUAL_SIZE = 224  # pixels; others stand in the name

_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+")


def default_name(results: dict[str, Any]) -> str:
    """Name a checkpoint after its network, data set, code length and picture size."""
    tag = f"{results['data']['name'].lower()}_{results['bits']}b"
    if results["image_size"] != USUAL_SIZE:
        tag += f"_{results['image_size']}px"
    return f"{_arch(results)}.{tag}"


def check_name(name: str, results: dict[str, Any]) -> str:
    """Return a name that a checkpoint of these results can have.

    Raises:
        InputError: It is written otherwise, or names another network.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"--name {name}: expected MODEL.TAG of small letters, digits, _ and -, such as "
            f"{default_name(results)}"
        )
    if not name.startswith(f"{_arch(results)}."):
        raise InputError(f"--name {name}: the network is {_arch(results)}; begin the name with it")
    return name


def _arch(results: dict[str, Any]) -> str:
    return str(results["model"]).replace("/", "-").lower()
