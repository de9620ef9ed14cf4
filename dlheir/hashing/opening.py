"""The hasher that fits a checkpoint's file."""

from dlheir.checkpoints import locate
from dlheir.errors import InputError
from dlheir.hashing.hasher import Hasher
from dlheir.hashing.onnx_hasher import OnnxHasher
from dlheir.hashing.torch_hasher import TorchHasher

EXPORTED = ".onnx"


def open_hasher(checkpoint: str, precision: str = "fp32") -> Hasher:
    """Load the network of a checkpoint.

    Args:
        checkpoint: its name in the registry, or the path of a run's checkpoint, of a published
            file or of an exported .onnx file.
        precision: "fp32" or "bf16"; an .onnx file has one of its own.

    Raises:
        InputError: there is no such checkpoint, or its file is none, or precision is not for it.
    """
    path = locate(checkpoint)
    if path.suffix != EXPORTED:
        return TorchHasher(path, precision)
    hasher = OnnxHasher(path)
    if precision not in {"fp32", hasher.precision}:
        raise InputError(
            f"{path}: was exported in {hasher.precision}; leave out the precision {precision}"
        )
    return hasher
