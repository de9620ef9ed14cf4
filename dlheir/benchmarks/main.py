"""`dlheir benchmark`: which benchmarks there are, and what they found."""

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.table import Table

from dlheir.benchmarks.figure import Figure
from dlheir.benchmarks.machine import describe_machine, machine_line
from dlheir.console import console
from dlheir.errors import InputError
from dlheir.files import write_json
from dlheir.one_line_parser import OneLineParser
from dlheir.output import say, show

# Name of each benchmark's module and what it measures.
BENCHMARKS = {
    "search": "top-100 search against faiss, numpy, usearch and the memory's bandwidth",
    "metrics": "ranking metrics against torchmetrics",
    "hashing": "hashing pictures against the plain torchvision loop",
    "sealing": "sealing against other AES-256-GCM, and filling a store against hashing",
    "training": "training with real pictures against tensors in memory, and the plain loop",
    "memory": "memory of the paper's training step",
    "callback": "what the retrieval callback takes of a run, step by step",
    "startup": "import dlheir and the commands' --help",
    "sweep": "what a sweep costs beside its runs, and what running several at once brings",
}

Earlier = dict[tuple[str, str, str], str]
"""What benchmark, name and opponent of a figure had, in words."""


def main(argv: Sequence[str]) -> None:
    """Run `dlheir benchmark`.

    Raises:
        InputError: There is no benchmark of a name, or no folder for the file to write.
    """
    arguments = _parser().parse_args(argv)
    names = arguments.names or list(BENCHMARKS)
    for name in names:
        if name not in BENCHMARKS:
            raise InputError(f"unknown benchmark {name!r}; there are {', '.join(BENCHMARKS)}")
    if arguments.out and not arguments.out.parent.is_dir():
        raise InputError(f"--out {arguments.out}: there is no folder {arguments.out.parent}")
    earlier = _read(arguments.before) if arguments.before else {}
    modules = {name: importlib.import_module(f"dlheir.benchmarks.{name}") for name in names}
    found: dict[str, Any] = {
        "machine": describe_machine(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": arguments.quick,
        "benchmarks": {},
    }
    if not arguments.json:
        say(machine_line(found["machine"]))
    for name, module in modules.items():
        console.print(f"Measuring {name}")
        figures = module.measure(arguments.quick)
        found["benchmarks"][name] = [asdict(figure) | {"met": figure.met} for figure in figures]
        if arguments.out:  # after each: what was measured stays when a later one fails
            write_json(arguments.out, found)
        if not arguments.json:
            show(table_of(name, figures, earlier))
    if arguments.json:
        sys.stdout.write(json.dumps(found, indent=2) + "\n")


def table_of(name: str, figures: Sequence[Figure], earlier: Earlier) -> Table:
    """Lay figures out for the terminal.

    Args:
        name: The benchmark's name.
        figures: What it found.
        earlier: What was found before, to stand beside; empty without such.
    """
    table = Table(title=f"Benchmark {name}")
    table.add_column("measured")
    table.add_column("against")
    for heading in (*(["before"] if earlier else []), "ours", "other", "value"):
        table.add_column(heading, justify="right")
    table.add_column("unit")
    table.add_column("target", justify="right")
    table.add_column("met")
    for figure in figures:
        sign = "≤" if figure.at_most else "≥"
        table.add_row(
            figure.name,
            figure.against,
            *([earlier.get((name, figure.name, figure.against), "")] if earlier else []),
            _seconds(figure.ours),
            _seconds(figure.other),
            _number(figure.value),
            figure.unit,
            "" if figure.target is None else f"{sign} {figure.target:g}",
            {None: "", True: "yes", False: "no"}[figure.met],
        )
    return table


def _read(path: Path) -> Earlier:
    """Read an earlier `--out`.

    Raises:
        InputError: It is none.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {
            (name, figure["name"], figure["against"]): _seconds(figure["ours"])
            or _number(figure["value"])
            for name, figures in found["benchmarks"].items()
            for figure in figures
        }
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"--before {path}: no --out of dlheir benchmark: {error}") from None


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}"


def _seconds(seconds: float | None) -> str:
    """Say a duration with three digits in the unit that suits it."""
    if seconds is None:
        return ""
    for limit, unit in ((1.0, "s"), (1e-3, "ms")):
        if seconds >= limit:
            return f"{seconds / limit:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="dlheir benchmark",
        description="Measure speed on this machine, which should have nothing else to do.",
        epilog="\n".join(["benchmarks:", *(f"  {n:<9}{text}" for n, text in BENCHMARKS.items())]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="benchmarks; default: all")
    parser.add_argument("--quick", action="store_true", help="smaller sizes, fewer repeats")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the JSON to a file, too")
    parser.add_argument(
        "--before", type=Path, metavar="FILE", help="show what an earlier --out found beside it"
    )
    return parser
