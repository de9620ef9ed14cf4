"""What a report says: its sections, put together once for the page and for Markdown."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dlheir.comparison.record import Comparison
from dlheir.report.ablations import Ablation, ablations_of
from dlheir.report.claims import claims_table
from dlheir.report.cost import backbone_table, cost, cost_table, table2
from dlheir.report.datasets import DataSet
from dlheir.report.drawing import Plot, styles
from dlheir.report.efficiency import parts_of
from dlheir.report.efficiency_claims import efficiency_claims
from dlheir.report.equations import equations_claims, equations_tables
from dlheir.report.groups import Group, Row, groups_of, place, rows_of
from dlheir.report.pictures import Picture, has_picture, pictures_of
from dlheir.report.plots import (
    Styles,
    ablation_plot,
    precision_over_cost,
    precision_over_k,
    precision_over_recall,
)
from dlheir.report.precision import in_paper, precision_table
from dlheir.report.precision_claims import precision_claims
from dlheir.report.reading import Cell, Collected
from dlheir.report.settings import BITS, IMAGE_SIZE, MODEL, differing
from dlheir.report.systems import figures3_of, systems_plot, systems_table
from dlheir.report.table import Line, Table
from dlheir.sweep.ledger import State


@dataclass(frozen=True)
class Part:
    """A table and what is drawn of it.

    Attributes:
        table: Figures.
        plots: Their drawings.
        folded: Whether the drawings say it and the table is for those who look closer.
    """

    table: Table
    plots: tuple[Plot, ...] = ()
    folded: bool = False


@dataclass(frozen=True)
class Section:
    """Parts under one heading."""

    heading: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Content:
    """A whole report.

    Attributes:
        title: Names of the folders that it is of.
        counts: How many cells are in which state, and how many comparisons, in a line.
        notes: What a reader should know about the folders.
        sections: Tables and plots.
        pictures: Some retrieval pictures.
        more_pictures: How many others lie in the runs' folders.
    """

    title: str
    counts: str
    notes: tuple[str, ...]
    sections: tuple[Section, ...]
    pictures: tuple[Picture, ...]
    more_pictures: int

    @property
    def parts(self) -> list[Part]:
        """Those of all sections."""
        return [part for section in self.sections for part in section.parts]


def content_of(title: str, collected: Collected) -> Content:
    """Put a report together.

    Args:
        title: What its cells have in common.
        collected: The cells, and the comparisons of systems.
    """
    rows = rows_of(collected.cells)
    groups, ablations = groups_of(rows), ablations_of(rows)
    in_ablations = {row for ablation in ablations for row in ablation.rows}
    tables1 = _main_groups(groups, in_ablations)
    told = in_ablations | {row for group in tables1 for row in group.rows}
    bits = styles(sorted({row.bits for row in rows if row.done}))
    sections = [
        Section("What is missing", _missing(collected.cells)),
        Section("Figure 3: precision by system", _systems(rows)),
        Section("Table 1: precision by image size and bits", _tables1(tables1, bits)),
        Section("Ablations", _ablations(ablations, bits)),
        Section("Backbones", _backbones(ablations)),
        Section("Other settings", _others([row for row in rows if row not in told])),
        Section("Table 2: parameters and operations", _table2(rows)),
        Section("Precision over operations", _costs(rows)),
        Section("Table 3 and Figures 4 to 6: speed", _speeds(collected.comparisons)),
        Section("The paper's claims", _claims(rows, collected.comparisons)),
    ]
    pictures = pictures_of(tables1 or groups)
    return Content(
        title,
        collected.counts,
        collected.notes,
        tuple(section for section in sections if section.parts),
        tuple(pictures),
        sum(map(has_picture, collected.cells)) - len(pictures),
    )


def _main_groups(groups: Sequence[Group], in_ablations: set[Row]) -> list[Group]:
    """Groups with a table of their own: the largest of each network, and what is told nowhere."""
    found: list[Group] = []
    for group in groups:
        first = all((group.model, group.data) != (other.model, other.data) for other in found)
        told = in_ablations.issuperset(group.rows)
        if len(group.rows) > 1 and (first or not told):
            found.append(group)
    return found


def _missing(cells: Sequence[Cell]) -> tuple[Part, ...]:
    lines = [Line((cell.run_id,), (), cell.why) for cell in cells if cell.state is not State.DONE]
    table = Table("missing", "What is missing", ("cell",), ("why",), tuple(lines))
    return (Part(table),) if lines else ()


def _systems(rows: Sequence[Row]) -> tuple[Part, ...]:
    figures = figures3_of(rows)
    names = _numbered("figure3", len(figures))
    return tuple(
        Part(systems_table(name, figure), (systems_plot(name, figure),))
        for name, figure in zip(names, figures, strict=True)
    )


def _tables1(groups: Sequence[Group], bits: Styles) -> tuple[Part, ...]:
    names = _numbered("table1", len(groups))
    return tuple(
        Part(
            precision_table(
                name, group.title, group.rows, (IMAGE_SIZE, BITS), in_paper(group.rows)
            ),
            (
                *precision_over_k(f"{name}-precision-over-k", group, bits),
                *precision_over_recall(f"{name}-precision-over-recall", group, bits),
            ),
        )
        for name, group in zip(names, groups, strict=True)
    )


def _ablations(ablations: Sequence[Ablation], bits: Styles) -> tuple[Part, ...]:
    parts = []
    names = _numbered("ablation", len(ablations))
    for number, ablation in zip(names, ablations, strict=True):
        name = f"{number}-{ablation.axis.rpartition('.')[2]}"
        title = f"{ablation.axis} on {ablation.data.heading}"
        keys = (*ablation.context, ablation.axis)
        table = precision_table(name, title, ablation.rows, keys)
        ks = {k for row in ablation.rows for k in row.ks}
        parts.append(Part(table, (ablation_plot(name, ablation, min(ks), bits),) if ks else ()))
    return tuple(parts)


def _backbones(ablations: Sequence[Ablation]) -> tuple[Part, ...]:
    of_networks = [a for a in ablations if a.axis == MODEL and any(row.done for row in a.rows)]
    names = _numbered("backbones", len(of_networks))
    return tuple(Part(backbone_table(*named)) for named in zip(names, of_networks, strict=True))


def _others(rows: Sequence[Row]) -> tuple[Part, ...]:
    parts = []
    by_data = _by_data(rows)
    for name, (data, alike) in zip(_numbered("others", len(by_data)), by_data.items(), strict=True):
        keys = [MODEL, IMAGE_SIZE, BITS]
        keys += [key for key in differing([row.settings for row in alike]) if key not in keys]
        ordered = sorted(alike, key=lambda row: (row.model, place(row)))
        parts.append(
            Part(precision_table(name, f"On {data.heading}", ordered, keys, in_paper(alike)))
        )
    return tuple(parts)


def _table2(rows: Sequence[Row]) -> tuple[Part, ...]:
    tables = [table2(rows), *equations_tables(rows)] if any(row.done for row in rows) else []
    return tuple(map(Part, tables))


def _speeds(comparisons: Sequence[Comparison]) -> tuple[Part, ...]:
    """What each comparison has, under names of its own."""
    return tuple(
        Part(
            replace(table, name=f"{table.name}{suffix}"),
            (replace(plot, name=f"{plot.name}{suffix}"),),
        )
        for suffix, comparison in zip(_numbered("", len(comparisons)), comparisons, strict=True)
        for table, plot in parts_of(comparison)
    )


def _claims(rows: Sequence[Row], comparisons: Sequence[Comparison]) -> tuple[Part, ...]:
    """All claims, where there is anything that one of them can be held to."""
    claims = [
        *equations_claims(rows),
        *precision_claims(rows),
        *efficiency_claims(comparisons),
    ]
    return (Part(claims_table(claims)),) if any(claim.evidence for claim in claims) else ()


def _costs(rows: Sequence[Row]) -> tuple[Part, ...]:
    parts = []
    by_data = _by_data([row for row in rows if row.done])
    by_data = {data: alike for data, alike in by_data.items() if len({cost(r) for r in alike}) > 1}
    for name, (data, alike) in zip(_numbered("cost", len(by_data)), by_data.items(), strict=True):
        k = min(k for row in alike for k in row.ks)
        plot = precision_over_cost(name, data, alike, k)
        parts.append(Part(cost_table(name, data, alike, k), (plot,), folded=True))
    return tuple(parts)


def _by_data(rows: Sequence[Row]) -> dict[DataSet, list[Row]]:
    found: dict[DataSet, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.data].append(row)
    return dict(sorted(found.items()))


def _numbered(name: str, count: int) -> list[str]:
    """Names of files: the first one, which most people look for, has no number."""
    return [name, *(f"{name}-{number}" for number in range(2, count + 1))][:count]
