"""Parameters and multiply-accumulates of a network, and the columns of the paper's Table 2."""

import argparse
import json
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from dlheir.console import progress
from dlheir.models import HashingNetwork, get_model
from dlheir.models.registry import find_entry
from dlheir.one_line_parser import OneLineParser

with warnings.catch_warnings():  # fvcore scripts a function on import, which torch 2.15 deprecates
    warnings.simplefilter("ignore", FutureWarning)
    from fvcore.nn import FlopCountAnalysis

PAPER_MODELS = ("densenet201", "dlheir")
PAPER_BITS = (12, 24, 32, 48)
PAPER_IMAGE_SIZES = (224, 384)
PIPE_WIDTH = 120  # columns of a table that goes to a file or a pipe


@dataclass(frozen=True)
class Complexity:
    """What a network costs.

    Attributes:
        parameters: as torch counts them, weights and biases, frozen ones too.
        keras_parameters: as Keras' `count_params()`: the running mean and variance of batch norms
            count too, so that a batch norm has 4 per channel.
        macs: multiply-accumulates of convolutions and linear layers for one picture.
        fvcore_macs: fvcore's own total, which adds 2 per element of a batch norm.
        paper_parameters: Table 2's "Parameters", `keras_parameters` in units of 1e5.
        paper_mflops: Table 2's "MFLOPs", what TensorFlow 1's profiler counts on the training graph
            in units of 1e6. It is no inference cost and does not depend on the image size.
    """

    parameters: int
    keras_parameters: int
    macs: int
    fvcore_macs: int
    paper_parameters: float
    paper_mflops: float

    def as_dict(self) -> dict[str, int | float]:
        """Return the attributes by name."""
        return asdict(self)


def measure(network: nn.Module, image_size: int) -> Complexity:
    """Count a network's parameters and its work on one picture.

    Args:
        network: takes (1, 3, S, S). Its training mode stays as it is.
        image_size: the side S in pixels.
    """
    macs = _operations(network, image_size)
    keras_parameters = _keras_parameters(network)
    return Complexity(
        parameters=sum(p.numel() for p in network.parameters()),
        keras_parameters=keras_parameters,
        macs=macs["conv"] + macs["linear"],
        fvcore_macs=sum(macs.values()),
        paper_parameters=keras_parameters / 1e5,
        paper_mflops=_profiler_operations(network) / 1e6,
    )


def _operations(network: nn.Module, image_size: int) -> dict[str, int]:
    """Return fvcore's counts by operator; its unit is a MAC, whatever its name says."""
    like = next(network.parameters())
    picture = torch.zeros(1, 3, image_size, image_size, device=like.device, dtype=like.dtype)
    with _evaluating(network), torch.no_grad():
        analysis = FlopCountAnalysis(network, picture)
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        return {name: int(count) for name, count in analysis.by_operator().items()}


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    """Hold all modules in eval mode: counting must not move batch norms' statistics."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def _batch_norms(network: nn.Module) -> list[nn.BatchNorm2d]:
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]


def _keras_parameters(network: nn.Module) -> int:
    statistics = sum(2 * norm.num_features for norm in _batch_norms(network))
    return sum(p.numel() for p in network.parameters()) + statistics


def _profiler_operations(network: nn.Module) -> int:
    """Return what TensorFlow 1's profiler counts on the paper's training graph.

    Convolutions count nothing there. What is left are the operations of initialisers and of the
    optimiser's update, SGD with Nesterov momentum: F = 9 W + 29 C + 7 b + n_kernels + 10 n_BN + 21
    rounds to six of Table 2's eight entries. Of DLHEIR's other two, 48 bits (158.34) is printed as
    158.25, the entry for 32 bits, and 12 bits (158.14) as 158.13.
    """
    kernels = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    weights = sum(kernel.weight.numel() for kernel in kernels)
    biases = sum(kernel.bias.numel() for kernel in kernels if kernel.bias is not None)
    norms = _batch_norms(network)
    channels = sum(norm.num_features for norm in norms)
    return 9 * weights + 29 * channels + 7 * biases + len(kernels) + 10 * len(norms) + 21


def main(argv: Sequence[str]) -> int:
    """Run `dlheir complexity` and return the exit code.

    Raises:
        InputError: an argument is wrong.
    """
    arguments = _parser().parse_args(argv)
    _check(arguments.names, arguments.bits, arguments.image_size)
    cases = list(product(arguments.names, arguments.bits))
    rows = [
        _row(network, image_size)
        for name, bits in progress(cases, "Counting operations")
        for network in [get_model(name, bits)]
        for image_size in arguments.image_size
    ]
    if arguments.json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
    else:
        _print_table(rows)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="dlheir complexity",
        description="Parameters, multiply-accumulates and the columns of the paper's Table 2.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", default=PAPER_MODELS, help="models")
    parser.add_argument("--bits", nargs="+", type=int, default=PAPER_BITS, help="code lengths")
    parser.add_argument(
        "--image-size", nargs="+", type=int, default=PAPER_IMAGE_SIZES, help="sides in pixels"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser


def _check(names: Sequence[str], bits: Sequence[int], image_sizes: Sequence[int]) -> None:
    """Refuse wrong values before work starts; a small network takes the same bits and sizes."""
    for name in names:
        find_entry(name)
    for one, image_size in product(bits, image_sizes):
        get_model("dlheir_nano", one, image_size=image_size)


def _row(network: HashingNetwork, image_size: int) -> dict[str, Any]:
    settings = network.settings
    case = {"model": settings["name"], "bits": settings["bits"], "image_size": image_size}
    return case | measure(network, image_size).as_dict()


def _print_table(rows: list[dict[str, Any]]) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPE_WIDTH)
    table = Table(
        title="Complexity, one picture, 100 classes",
        caption="Paper's parameters: Keras count / 1e5. Paper's MFLOPs: TensorFlow 1's profiler on "
        "the training graph / 1e6, no inference cost. MACs: convolutions and linear layers.",
    )
    table.add_column("model")
    for header in ("bits", "pixels", "parameters", "MACs", "fvcore's total"):
        table.add_column(header, justify="right")
    table.add_column("paper's parameters", justify="right")
    table.add_column("paper's MFLOPs", justify="right")
    for row in rows:
        table.add_row(
            row["model"],
            f"{row['bits']}",
            f"{row['image_size']}",
            f"{row['parameters']:,}",
            f"{row['macs']:,}",
            f"{row['fvcore_macs']:,}",
            f"{row['paper_parameters']:.2f}",
            f"{row['paper_mflops']:.2f}",
        )
    console.print(table)
