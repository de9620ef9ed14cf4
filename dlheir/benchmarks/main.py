"""`dlheir benchmark`: which benchmarks there are, and what they found."""

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from dlheir.benchmarks.figure import Figure
from dlheir.errors import InputError
from dlheir.one_line_parser import OneLineParser

# Name of each benchmark's module and what it measures.
BENCHMARKS = {
    "sweep": "what a sweep costs beside its runs, and what running several at once brings",
}


def main(argv: Sequence[str]) -> None:
    """Run `dlheir benchmark`.

    Raises:
        InputError: There is no benchmark of a name.
    """
    arguments = _parser().parse_args(argv)
    names = arguments.names or list(BENCHMARKS)
    for name in names:
        if name not in BENCHMARKS:
            raise InputError(f"unknown benchmark {name!r}; there are {', '.join(BENCHMARKS)}")
    found: dict[str, list[Figure]] = {}
    for name in names:
        found[name] = importlib.import_module(f"dlheir.benchmarks.{name}").measure()
    if arguments.json:
        rows = {name: [asdict(figure) for figure in figures] for name, figures in found.items()}
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
    else:
        for name, figures in found.items():
            Console().print(_table(name, figures))


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="dlheir benchmark",
        description="Measure speed on this machine, which should have nothing else to do.",
        epilog="\n".join(["benchmarks:", *(f"  {n:<8}{text}" for n, text in BENCHMARKS.items())]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="benchmarks; default: all")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    return parser


def _table(name: str, figures: Sequence[Figure]) -> Table:
    table = Table(title=f"Benchmark {name}")
    table.add_column("measured")
    table.add_column("value", justify="right")
    table.add_column("unit")
    for figure in figures:
        table.add_row(figure.name, f"{figure.value:.2f}", figure.unit)
    return table
