"""Trained networks by checkpoint."""

from pathlib import Path

from dlheir.errors import InputError
from dlheir.models.factory import build_network
from dlheir.models.network import HashingNetwork
from dlheir.models.trained import read_trained
from dlheir.models.weights import fill


def load_checkpoint(name_or_path: str | Path) -> HashingNetwork:
    """Build the network of a checkpoint, in eval mode; all settings come from the file.

    Args:
        name_or_path: path of a checkpoint file.

    Raises:
        InputError: there is no such file, or it is no checkpoint, or its values do not fit.
    """
    trained = read_trained(Path(name_or_path))
    try:
        network = build_network(**trained.settings)
    except (InputError, TypeError) as error:
        raise InputError(f"checkpoint {name_or_path}: {error}") from error
    fill(network, trained.state, f"checkpoint {name_or_path}")
    return network.eval()
