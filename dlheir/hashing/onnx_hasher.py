"""Hashing by ONNX Runtime, from an exported file alone."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dlheir.errors import InputError
from dlheir.hashing.about import KEY, About
from dlheir.machine import usable_cores

_ERRORS_ONLY = 3  # ONNX Runtime's severities: 2 are warnings


class Outputs(NamedTuple):
    """What a network makes of B pictures.

    Attributes:
        activations: (B, bits) float32 in (0, 1).
        codes: (B, bits) uint8 in {0, 1}.
    """

    activations: NDArray[np.float32]
    codes: NDArray[np.uint8]


class OnnxHasher:
    """An exported network on the CPU, on all cores that the process may use; a `Hasher`."""

    def __init__(self, path: Path) -> None:
        """Load the file.

        Args:
            path: what `dlheir checkpoints export` wrote.

        Raises:
            InputError: it is another kind of file, or ONNX Runtime is missing.
        """
        self._session = _open(path)
        text = self._session.get_modelmeta().custom_metadata_map.get(KEY)
        self.about = About.from_json(text, path)
        self.bits = self.about.bits
        self.transform = self.about.transform
        self.checkpoint_sha256 = self.about.checkpoint_sha256
        self.precision = self.about.precision
        self.batch_size = 16

    def codes(self, levels: Tensor) -> NDArray[np.uint8]:
        """Return the codes (B, bits) of levels (B, 3, S, S)."""
        return self.outputs(levels).codes

    def outputs(self, levels: Tensor) -> Outputs:
        """Return activations and codes of levels (B, 3, S, S), uint8."""
        return Outputs(*self._session.run(list(Outputs._fields), {"levels": levels.numpy()}))


def _open(path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise InputError(f"{path}: needs ONNX Runtime: pip install 'dlheir[onnx]'") from None
    options = onnxruntime.SessionOptions()
    # Left alone it starts a thread for each core of the machine, whatever the process may use.
    options.intra_op_num_threads = usable_cores()
    options.log_severity_level = _ERRORS_ONLY
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no class in common
        raise InputError(f"{path}: no ONNX file that this ONNX Runtime reads: {error}") from error
