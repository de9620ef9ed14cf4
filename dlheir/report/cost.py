"""What networks cost: the paper's Table 2, and precision over multiply-accumulates."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence

from dlheir.report import paper
from dlheir.report.ablations import Ablation
from dlheir.report.datasets import DataSet
from dlheir.report.groups import Row
from dlheir.report.notes import disagreements
from dlheir.report.precision import SHORT, seeds_of, text_of, values_of
from dlheir.report.settings import (
    BITS,
    IMAGE_SIZE,
    MODEL,
    differing,
    has_options,
    is_option,
    rank,
    shown,
)
from dlheir.report.table import Figure, Line, Table

_UNITS = ((1e9, "G"), (1e6, "M"))


def table2(rows: Sequence[Row]) -> Table:
    """Set out parameters and operations of each network, beside the paper's Table 2.

    Args:
        rows: All rows; those without results are left out, as nothing of theirs was counted.
    """
    counted: dict[Hashable, list[Row]] = defaultdict(list)
    for row in rows:
        if row.done:
            counted[_counts(row)].append(row)
    # A row without options speaks for its network: the paper's has none.
    known = [sorted(same, key=lambda row: has_options(row.settings)) for same in counted.values()]
    options = _options([same[0] for same in known])
    networks = sorted(
        known,
        key=lambda same: [rank(same[0].settings.get(key)) for key in (MODEL, *options, BITS)],
    )
    sizes = sorted({row.image_size for same in networks for row in same})
    lines = [
        Line(
            (
                *(shown(same[0].settings.get(key)) for key in (MODEL, BITS, *options)),
                str(same[0].data.trained_classes),
            ),
            (*_columns(same[0]), *(_macs(same, size) for size in sizes)),
        )
        for same in networks
    ]
    return Table(
        "table2",
        "Table 2: parameters and operations",
        ("network", "bits", *options, "classes"),
        (
            "parameters",
            "Keras count",
            "Keras / 1e5",
            "“MFLOPs”",
            *(f"MACs at {size} px" for size in sizes),
        ),
        tuple(lines),
        "MACs are the multiply-accumulates of convolutions and linear layers for one picture. The "
        "paper counts parameters as Keras does, in units of 1e5; its “MFLOPs” are what TensorFlow "
        "1's profiler counts on a training graph, no inference cost. Its numbers stand below "
        f"the networks that are its own, with {paper.CLASSES} classes.",
    )


def pareto_front(rows: Iterable[Row], k: int) -> list[Row]:
    """Return the rows that no other beats in both MACs and precision at k, cheapest first."""
    front: list[Row] = []
    for row in sorted(rows, key=lambda row: (cost(row), -served(row, k))):
        if not front or served(row, k) > served(front[-1], k):
            front.append(row)
    return front


def cost_table(name: str, data: DataSet, rows: Sequence[Row], k: int) -> Table:
    """Set out precision at k over multiply-accumulates, cheapest first.

    Args:
        name: Of the table's file.
        data: What all rows were measured on.
        rows: Those with results.
        k: Number of answers.
    """
    front = pareto_front(rows, k)
    keys = [MODEL, IMAGE_SIZE, BITS]
    keys += [key for key in differing([row.settings for row in rows]) if key not in keys]
    lines = [
        Line(
            tuple(shown(row.settings.get(key)) for key in keys),
            (
                Figure(f"{cost(row):,.0f}", values=(("", int(cost(row))),)),
                Figure(
                    text_of(row.summary("precision", k)), values=(("", round(served(row, k), 4)),)
                ),
                Figure("yes" if row in front else "", values=(("", int(row in front)),)),
            ),
        )
        for row in sorted(rows, key=lambda row: (cost(row), -served(row, k)))
    ]
    return Table(
        name,
        f"Precision over operations on {data.heading}",
        tuple(SHORT.get(key, key) for key in keys),
        ("MACs", f"P@{k}", "on the front"),
        tuple(lines),
        f"{data}. On the Pareto front: nothing with as few MACs is more precise.",
    )


def backbone_table(name: str, ablation: Ablation) -> Table:
    """Set out what each backbone costs and reaches, the cheapest first.

    Args:
        name: Of the table's file.
        ablation: Rows that differ in the network's name; one has results at least.
    """
    k = min(k for row in ablation.rows for k in row.ks)
    keys = (MODEL, *ablation.context)

    def place(row: Row) -> tuple[object, ...]:
        context = [rank(row.settings.get(key)) for key in ablation.context]
        return (*context, not row.done, cost(row) if row.done else 0.0, row.model)

    lines = [
        Line(
            (*(shown(row.settings.get(key)) for key in keys), seeds_of(row)),
            _cost_and_precision(row, k) if row.done else (),
            row.missing,
        )
        for row in sorted(ablation.rows, key=place)
    ]
    return Table(
        name,
        f"Backbones on {ablation.data.heading}",
        ("backbone", *(SHORT.get(key, key) for key in ablation.context), "seeds"),
        ("MACs", "parameters", f"expected P@{k}"),
        tuple(lines),
        f"{ablation.data}. MACs are for one picture; precision is the mean over all orders of "
        "ties, in per cent.",
        disagreements(ablation.rows),
    )


def _cost_and_precision(row: Row, k: int) -> tuple[Figure, ...]:
    expected = row.summary("expected_precision", k)
    counts = (cost(row), row.complexity("parameters"))
    return (
        *(Figure(f"{count:,.0f}", values=(("", int(count)),)) for count in counts),
        Figure(text_of(expected), values=tuple(values_of("", expected))),
    )


def cost(row: Row) -> float:
    """Multiply-accumulates for one picture."""
    return row.complexity("macs")


def served(row: Row, k: int) -> float:
    """Mean precision at k in per cent."""
    summary = row.summary("precision", k)
    return summary.mean if summary else 0.0


def unit_of(count: float) -> tuple[float, str]:
    """The unit that a count is best written in, and its letter."""
    return next((unit for unit in _UNITS if count >= unit[0]), (1.0, ""))


def _counts(row: Row) -> Hashable:
    names = ("parameters", "keras_parameters", "paper_mflops")
    return row.model, row.bits, row.data.trained_classes, *(row.complexity(name) for name in names)


def _options(rows: Sequence[Row]) -> list[str]:
    """Settings of the network in which rows of the same network differ."""
    by_model: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_model[row.model].append(row)
    found = [key for same in by_model.values() for key in differing([r.settings for r in same])]
    return list(dict.fromkeys(key for key in found if is_option(key)))


def _columns(row: Row) -> tuple[Figure, ...]:
    as_in_paper = row.data.trained_classes == paper.CLASSES and not has_options(row.settings)
    printed = paper.COST.get((row.model, row.bits)) if as_in_paper else None
    of_paper = [(name, row.complexity(name)) for name in ("paper_parameters", "paper_mflops")]
    counted = [row.complexity(name) for name in ("parameters", "keras_parameters")]
    return (
        *(Figure(f"{count:,.0f}", values=(("", int(count)),)) for count in counted),
        *(
            Figure(
                f"{value:.2f}",
                (("paper", f"{printed[i]:.2f}"),) if printed else (),
                (("", round(value, 4)), *((("paper", printed[i]),) if printed else ())),
            )
            for i, (_, value) in enumerate(of_paper)
        ),
    )


def _macs(rows: Sequence[Row], size: int) -> Figure:
    found = [cost(row) for row in rows if row.image_size == size]
    return Figure(f"{found[0]:,.0f}", values=(("", int(found[0])),)) if found else Figure()
