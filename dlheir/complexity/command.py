"""Which networks `dlheir complexity` counts, and what it prints."""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any

from rich.console import Console
from rich.table import Table

from dlheir.complexity.counts import measure
from dlheir.complexity.equations import describe_replacement, networks_with_a_block
from dlheir.complexity.speed import measure_speed
from dlheir.complexity.tables import (
    cost_tables,
    equation_table,
    paper_table,
    replacement_table,
    skipped_lines,
    speed_tables,
)
from dlheir.console import progress
from dlheir.errors import InputError
from dlheir.memory import keep_freed_memory
from dlheir.models import get_model, list_models
from dlheir.models.registry import find_entry
from dlheir.report import paper

PAPER_MODELS = (paper.ORIGINAL, paper.MODEL)
PAPER_BITS = (12, 24, 32, 48)
ZOO_BITS = (48,)
PIPE_WIDTH = 120  # columns of a table that goes to a file or a pipe
SMALLEST_BATCH = 2  # batch norms refuse less where a map is one place


def run(arguments: argparse.Namespace) -> None:
    """Do what the command line asks for.

    Raises:
        InputError: an argument is wrong, or no network takes pictures of the sizes.
    """
    names = _names(arguments)
    sizes = list(dict.fromkeys(arguments.image_size))
    _check(names, arguments.bits or (), sizes, arguments.batch_size, arguments.repeats)
    if arguments.equations:
        _show_equations(names, sizes, as_json=arguments.json)
    else:
        _show_costs(names, _bits(arguments), sizes, arguments)


def _names(arguments: argparse.Namespace) -> list[str]:
    if arguments.all and arguments.names:
        raise InputError("dlheir complexity: give names or --all, not both")
    if arguments.all:
        return networks_with_a_block() if arguments.equations else list_models()
    default = [paper.MODEL] if arguments.equations else PAPER_MODELS
    return list(dict.fromkeys(arguments.names or default))


def _bits(arguments: argparse.Namespace) -> list[int]:
    return list(dict.fromkeys(arguments.bits or (ZOO_BITS if arguments.all else PAPER_BITS)))


def _check(
    names: Sequence[str],
    bits: Sequence[int],
    image_sizes: Sequence[int],
    batch_size: int,
    repeats: int,
) -> None:
    """Refuse wrong values before work starts; a small network takes the same bits and sizes."""
    for name in names:
        find_entry(name)
    for one in bits:
        get_model("dlheir_nano", one)
    for image_size in image_sizes:
        get_model("dlheir_nano", image_size=image_size)
    reasons = [_reason_against(name, size) for name, size in product(names, image_sizes)]
    if all(reasons):
        raise InputError(f"nothing to count: {names[0]}: {reasons[0]}")
    if batch_size < SMALLEST_BATCH:
        raise InputError(f"--batch-size must be at least {SMALLEST_BATCH}, not {batch_size}")
    if repeats < 1:
        raise InputError(f"--repeats must be at least 1, not {repeats}")


def _reason_against(name: str, image_size: int) -> str | None:
    """Why a network takes no pictures of a size; None if it does."""
    try:
        find_entry(name).check_image_size(image_size)
    except InputError as error:
        return str(error)
    return None


def _show_costs(
    names: Sequence[str],
    bits: Sequence[int],
    image_sizes: Sequence[int],
    arguments: argparse.Namespace,
) -> None:
    if arguments.speed:
        keep_freed_memory()  # as training does
    cases = list(product(names, bits, image_sizes))
    rows = [_row(*case, arguments) for case in progress(cases, "Counting operations")]
    if arguments.json:
        _print_json(rows)
        return
    tables = [*cost_tables(rows), *(speed_tables(rows) if arguments.speed else ())]
    of_paper = paper_table(rows)
    _print([*tables, *([of_paper] if of_paper else [])], skipped_lines(rows))


def _row(name: str, bits: int, image_size: int, arguments: argparse.Namespace) -> dict[str, Any]:
    case = {"model": name, "bits": bits, "image_size": image_size}
    reason = _reason_against(name, image_size)
    if reason is not None:
        return case | {"skipped": reason}
    network = get_model(name, bits, image_size=image_size)
    row = case | measure(network, image_size).as_dict()
    if (name, bits) in paper.COST:
        row["printed"] = dict(zip(("parameters", "mflops"), paper.COST[name, bits], strict=True))
    if arguments.speed:
        speed = measure_speed(network, image_size, arguments.batch_size, arguments.repeats)
        row["speed"] = speed.as_dict()
    return row


def _show_equations(names: Sequence[str], image_sizes: Sequence[int], *, as_json: bool) -> None:
    cases = [case for case in product(names, image_sizes) if _reason_against(*case) is None]
    replacements = [describe_replacement(*case) for case in progress(cases, "Counting operations")]
    skipped = [
        {"model": name, "image_size": size, "skipped": reason}
        for name, size in product(names, image_sizes)
        if (reason := _reason_against(name, size))
    ]
    if as_json:
        _print_json([*(replacement.as_dict() for replacement in replacements), *skipped])
        return
    _print([equation_table(replacements), replacement_table(replacements)], skipped_lines(skipped))


def _print_json(rows: Sequence[Any]) -> None:
    sys.stdout.write(json.dumps(rows, indent=2) + "\n")


def _print(tables: Iterable[Table], lines: Iterable[str]) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(width=PIPE_WIDTH, highlight=False)
    for table in tables:
        console.print(table)
    for line in lines:
        console.print(line, markup=False)
