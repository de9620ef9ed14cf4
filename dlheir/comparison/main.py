"""`dlheir compare`: its arguments, and one comparison from pictures to report."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dlheir.benchmarks.machine import describe_machine
from dlheir.comparison.record import FILE, Comparison, is_comparison, read_comparison, to_json
from dlheir.comparison.settings import Settings, read_settings
from dlheir.console import console
from dlheir.errors import InputError
from dlheir.experiment_files import find_experiment
from dlheir.files import sha256_of, write_json
from dlheir.locks import locked
from dlheir.one_line_parser import OneLineParser

_DESCRIPTION = """\
Measure how long the paper's systems and ours take: its Table 3 (search) and its Figures 4, 5 and 6
(feature extraction, index construction, trapdoors), on this machine and any pictures. The machine
should have nothing else to do.

All comparisons on the same pictures and machine share a folder, runs/EXPERIMENT/DATA-HASH, and the
features in it: the same command again, or another one, goes on with what is there. Its end is a
report beside the paper's figures.
"""
_EXAMPLES = """\
examples:
  dlheir compare experiments/paper/table3.yaml                 on painted pictures alone
  dlheir compare experiments/paper/table3.yaml --data Corel5K --root PICTURES
  dlheir compare experiments/paper/figure6.yaml --data Corel1K --root PICTURES --systems qin dlheir
"""


def main(argv: Sequence[str]) -> None:
    """Run `dlheir compare`.

    Raises:
        InputError: An argument, the file or a picture is wrong.
        WorkError: A system could not be measured.
    """
    arguments = _parser().parse_args(argv)
    if (arguments.data is None) != (arguments.root is None):
        raise InputError("dlheir compare: give --data and --root together, or neither")
    path = find_experiment(arguments.file)
    settings = read_settings(path).narrowed(arguments.pictures, arguments.systems)
    folder = compare(settings, arguments.data, arguments.root, arguments.runs)
    from dlheir.report.main import write_report  # imports matplotlib

    sys.stdout.write(f"{folder / FILE}\n{write_report([folder], folder / 'report')}\n")


def compare(settings: Settings, data: str | None, root: Path | None, runs: Path) -> Path:
    """Measure, and write the record.

    Args:
        settings: What to measure.
        data: Name of a data module; null takes painted pictures alone.
        root: Its folder.
        runs: Folder of all runs.

    Returns:
        The comparison's folder.
    """
    # They import torch, and so the network's libraries count among the machine's.
    from dlheir.comparison.compared import LEARNED_FROM, Measuring, make_systems, merged
    from dlheir.comparison.pictures import gather
    from dlheir.data import __all__ as known

    if data is not None and data not in known:
        raise InputError(f"--data {data}: no data set; see dlheir fit --help")
    largest = settings.pictures[-1]
    if settings.measure == "trapdoor":  # which takes no collection
        largest = min(largest, LEARNED_FROM)
    pictures = gather(data, root, largest, settings.queries)
    machine = _machine()
    same = [pictures.sha256, *(machine[key] for key in ("cpu", "cores", "gpu", "threads"))]
    folder = runs / settings.experiment / f"{pictures.name}-{sha256_of(same)[:8]}"
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / ".lock"):
        before = read_comparison(folder) if is_comparison(folder) else None
        systems = make_systems(settings, pictures, folder)
        merged(before.entries if before else {}, systems, {})  # titles, before hours of work
        found = Measuring(settings, pictures, systems).measure()
        asked = {"k": settings.k, "queries": settings.queries, "repeats": settings.repeats}
        grown = before is None or before.pictures[-1:] <= [largest]
        counts = {"name": pictures.name, "real": pictures.real, "painted": pictures.painted}
        after = Comparison(
            folder,
            {**(before.settings if before else {}), settings.measure: asked},
            machine,
            before.data if before and not grown else {**counts, "size": list(pictures.size)},
            merged(before.entries if before else {}, systems, found),
        )
        write_json(folder / FILE, to_json(after))
    console.print(f"Measured: {', '.join(compared.title for compared in systems)}")
    return folder


def _machine() -> dict[str, Any]:
    """This machine, and how many threads a network may use."""
    threads = os.environ.get("OMP_NUM_THREADS")
    machine = describe_machine()
    return {**machine, "threads": int(threads) if threads else machine["cores"]}


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="dlheir compare",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", help="what to measure, of which systems")
    parser.add_argument("--data", metavar="NAME", help="a data set, such as Corel5K; with --root")
    parser.add_argument("--root", type=Path, metavar="PICTURES", help="its folder")
    parser.add_argument(
        "--pictures", type=int, nargs="+", metavar="N", help="other sizes of the collection"
    )
    parser.add_argument(
        "--systems",
        nargs="+",
        metavar="NAME",
        help="only these of the file's systems: baselines by name, networks by checkpoint or model",
    )
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of all runs")
    return parser
