"""The paper's equations (1) to (6) for the layers that its block has, beside what they cost."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from dlheir.report import paper
from dlheir.report.claims import Claim, Evidence
from dlheir.report.groups import Row
from dlheir.report.settings import has_options
from dlheir.report.table import Figure, Line, Table

if TYPE_CHECKING:
    from dlheir.complexity.equations import Replacement

_EXACT = 1e-9
_RATIO = Claim(
    "Section 3.3.2",
    "Equations (5) and (6): a depthwise separable convolution costs 1/Cout + 1/k² of a standard "
    "one, in operations and in parameters.",
    f"the layers' counted ratios differ from it by less than {_EXACT:g}",
)


def equations_tables(rows: Sequence[Row]) -> list[Table]:
    """Set out the equations for each image size of the paper's network, if there are runs of it.

    Args:
        rows: All rows.
    """
    replacements = _replacements(rows)
    lines = [line for one in replacements for line in _lines(one)]
    table = Table(
        "equations",
        f"Equations (1) to (6) for the block of {paper.MODEL}",
        ("size", "equation"),
        ("by the equation", "counted", "1/Cout + 1/k²"),
        tuple(lines),
        "For the depthwise separable convolution in the block that replaces the network's last "
        "layers: multiply-accumulates for one picture (cd, cs) and parameters (pd, ps), counted "
        "from the layers themselves, cs and ps from a standard convolution between the same maps. "
        "The paper's text calls (5) and (6) (4) and (5).",
    )
    return [table] if lines else []


def equations_claims(rows: Sequence[Row]) -> list[Claim]:
    """Hold equations (5) and (6) to the layers."""
    evidence = []
    for one in _replacements(rows):
        counted = one.counted
        ratios = (counted["cd"] / counted["cs"], counted["pd"] / counted["ps"])
        numbers = (
            f"operations {ratios[0]:.6f}, parameters {ratios[1]:.6f}, "
            f"1/Cout + 1/k² = {one.separable.ratio:.6f}"
        )
        holds = all(abs(ratio - one.separable.ratio) < _EXACT for ratio in ratios)
        evidence.append(Evidence(f"{one.model}, {one.image_size} px", holds, numbers))
    return [_RATIO.held_to(evidence)]


def _replacements(rows: Sequence[Row]) -> "list[Replacement]":
    sizes = {
        row.image_size
        for row in rows
        if row.done and row.model == paper.MODEL and not has_options(row.settings)
    }
    return [_replacement(size) for size in sorted(sizes)]


@cache
def _replacement(image_size: int) -> "Replacement":
    """Count the layers; torch, which reports need for nothing else, is imported here."""
    from dlheir.complexity.equations import describe_replacement

    return describe_replacement(paper.MODEL, image_size)


def _lines(of: "Replacement") -> list[Line]:
    size, separable, counted = f"{of.image_size}", of.separable, of.counted
    lines = [
        Line(
            (size, f"({number}) {name}"),
            (_count(getattr(separable, name)), _count(counted[name]), Figure()),
        )
        for number, name in enumerate(("cd", "pd", "cs", "ps"), start=1)
    ]
    for number, name, part, whole in ((5, "rc", "cd", "cs"), (6, "rp", "pd", "ps")):
        shares = (getattr(separable, name), counted[part] / counted[whole], separable.ratio)
        lines.append(Line((size, f"({number}) {name}"), tuple(map(_share, shares))))
    return lines


def _count(value: int) -> Figure:
    return Figure(f"{value:,}", values=(("", value),))


def _share(value: float) -> Figure:
    return Figure(f"{value:.6f}", values=(("", round(value, 9)),))
