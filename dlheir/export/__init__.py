"""Trained networks as files for other programs, each checked against PyTorch's codes."""

from dlheir.checkpoints.golden import TOLERANCE
from dlheir.export.check import Agreement, golden_levels
from dlheir.export.flips import Flips, SplitCodes, compare, hash_split
from dlheir.export.int8 import CALIBRATION_PICTURES, calibration_levels, quantise_onnx
from dlheir.export.onnx_file import OPSET, export_onnx
from dlheir.export.program import export_program

__all__ = [
    "CALIBRATION_PICTURES",
    "OPSET",
    "TOLERANCE",
    "Agreement",
    "Flips",
    "SplitCodes",
    "calibration_levels",
    "compare",
    "export_onnx",
    "export_program",
    "golden_levels",
    "hash_split",
    "quantise_onnx",
]
