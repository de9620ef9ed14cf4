"""results.json: what a run found, checked against its schema when it is written and read."""

import json
import platform
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
from rich.table import Table

from dlheir.errors import InputError
from dlheir.files import write_json

VERSIONS_OF = (
    "dlheir",
    "torch",
    "torchvision",
    "pytorch-lightning",
    "numpy",
    "faiss-cpu",
    "pycryptodome",
)


def write_results(path: Path, results: dict[str, Any]) -> None:
    """Write `results.json`, whole or not at all.

    Raises:
        jsonschema.ValidationError: It does not agree with `results.schema.json`: a fault of the
            program.
    """
    _validator().validate(results)
    write_json(path, results)


def read_results(path: Path) -> dict[str, Any]:
    """Read `results.json`.

    Raises:
        InputError: It is missing, damaged or of another schema.
    """
    try:
        results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        _validator().validate(results)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no results there; the run has not finished") from error
    except (ValueError, jsonschema.ValidationError) as error:
        raise InputError(f"{path}: not a whole results file") from error
    return results


def versions() -> dict[str, str]:
    """Versions of Python and of what decides results."""
    return {"python": platform.python_version(), **{name: version(name) for name in VERSIONS_OF}}


def installed(names: Iterable[str]) -> dict[str, str]:
    """Versions of those packages that are installed."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def precision_table(results: dict[str, Any]) -> Table:
    """The terminal's table of one run: precision@k and mAP as served, expected, and their ceiling.

    Below them stand the baselines, as served. The mAP as served is the field's, mAP@all.
    """
    table = Table(
        title=f"{results['run_id']} on {results['data']['name']}", caption=_about(results)
    )
    table.add_column("%")
    for k in results["precision"]:
        table.add_column(f"P@{k}", justify="right")
    table.add_column("mAP", justify="right")
    for name, row, mean in (
        ("as served", results["precision"], results["map"]["all"]),
        ("expected over ties", results["expected_precision"], results["expected_map"]),
        ("ceiling", results["precision_ceiling"], 1.0),
    ):
        cells = [f"{100 * value:.2f}" for value in row.values()]
        table.add_row(name, *cells, f"{100 * mean:.2f}")
    table.add_section()
    for baseline in results.get("baselines", {}).values():
        cells = [f"{100 * value:.2f}" for value in baseline["precision"].values()]
        table.add_row(baseline["title"], *cells)
    return table


def _about(results: dict[str, Any]) -> str:
    """What the figures are of, and what hash lookup would find."""
    counts, near = results["split"]["counts"], results["hamming_radius_2"]
    depths = {f"mAP@{k}": value for k, value in results["map"].items()}
    return (
        f"{counts['queries']} queries against {counts['database']} sealed pictures of "
        f"{results['data']['classes']} classes, protocol {results['protocol']}; "
        f"tested {results['tested_checkpoint']['path']}\n"
        f"as served: {', '.join(f'{name} {100 * value:.2f}' for name, value in depths.items())}\n"
        f"within Hamming radius 2: precision {100 * near['precision']:.2f}, "
        f"{100 * near['empty']:.2f} % of the queries find nothing"
    )


@cache
def _validator() -> jsonschema.Draft202012Validator:
    text = files("dlheir").joinpath("results.schema.json").read_text(encoding="utf-8")
    return jsonschema.Draft202012Validator(json.loads(text))
