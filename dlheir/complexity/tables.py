"""The tables that `dlheir complexity` prints; figures in full are in its JSON."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table

from dlheir.complexity.equations import Replacement
from dlheir.report import paper

SIZES_OF_A_TABLE = 2  # what 120 columns hold
MIB = 2**20
NOTHING = "-"

Row = dict[str, Any]


def cost_tables(rows: Sequence[Row]) -> Iterator[Table]:
    """Set out parameters, MACs and memory, a line for each network and a few sizes a table.

    Args:
        rows: of the JSON. A network that is built for its size has a line for each size.
    """
    for sizes in _groups_of_sizes(rows):
        table = Table(
            title="Cost of one picture, 100 classes",
            caption="MACs: multiply-accumulates of convolutions, linear layers and attention's "
            "products. Memory: what one more picture in a batch adds to training in float32.",
        )
        table.add_column("network", no_wrap=True)
        for header in ("bits", "parameters"):
            table.add_column(header, justify="right")
        for size in sizes:
            table.add_column(f"MACs at {size} px", justify="right")
        for size in sizes:
            table.add_column(f"MiB at {size} px", justify="right")
        for (model, bits, parameters), by_size in _lines(rows, sizes).items():
            table.add_row(
                model,
                f"{bits}",
                f"{parameters:,}",
                *(_cell(by_size.get(size), "macs", "{:,}") for size in sizes),
                *(_cell(by_size.get(size), "activation_bytes", "{:,.1f}", MIB) for size in sizes),
            )
        yield table


def speed_tables(rows: Sequence[Row]) -> Iterator[Table]:
    """Set out pictures a second, a line for each network and a few sizes a table."""
    how = next(row["speed"] for row in rows if "speed" in row)
    threads = f", {how['threads']} threads" if how["device"] == "cpu" else ""
    for sizes in _groups_of_sizes(rows):
        table = Table(
            title=f"Pictures a second on this machine's {how['device']}{threads}",
            caption=f"Batches of {how['batch_size']}, float32, median of {how['repeats']}. "
            "Training: forward, backward and a step of SGD, no decoding.",
        )
        table.add_column("network", no_wrap=True)
        table.add_column("bits", justify="right")
        for size in sizes:
            table.add_column(f"inference at {size} px", justify="right")
        for size in sizes:
            table.add_column(f"training at {size} px", justify="right")
        for (model, bits, _), by_size in _lines(rows, sizes).items():
            speeds = {size: row.get("speed", row) for size, row in by_size.items()}
            table.add_row(
                model,
                f"{bits}",
                *(
                    _cell(speeds.get(size), f"{kind}_images_per_second", "{:,.1f}")
                    for kind in ("inference", "training")
                    for size in sizes
                ),
            )
        yield table


def paper_table(rows: Sequence[Row]) -> Table | None:
    """Set out the paper's Table 2 beside our counts, which do not depend on the image size.

    Returns:
        The table; None where no row is of a network of the paper's.
    """
    table = Table(
        title="The paper's Table 2",
        caption="Parameters: as Keras counts them, in units of 1e5. MFLOPs: what TensorFlow 1's "
        "profiler counts on a training graph / 1e6, no cost of inference. The paper repeats "
        "the MFLOPs of dlheir with 32 bits at 48.",
    )
    table.add_column("network", no_wrap=True)
    table.add_column("bits", justify="right")
    table.add_column("Keras count", justify="right")
    for column in ("parameters", "MFLOPs"):
        for header in (column, "paper", "difference"):
            table.add_column(header, justify="right")
    networks = {(row["model"], row["bits"]): row for row in _counted(rows)}
    for (model, bits), row in networks.items():
        if model not in {name for name, _ in paper.COST}:
            continue
        printed = paper.COST.get((model, bits), (None, None))
        ours = (row["paper_parameters"], row["paper_mflops"])
        table.add_row(
            model,
            f"{bits}",
            f"{row['keras_parameters']:,}",
            *(
                text
                for count, entry in zip(ours, printed, strict=True)
                for text in _beside(count, entry)
            ),
        )
    return table if table.row_count else None


def equation_table(replacements: Sequence[Replacement]) -> Table:
    """Set out equations (1) to (6) beside what the layers themselves were counted to have."""
    table = Table(
        title="Equations (1) to (6): the block's depthwise separable convolution",
        caption="Counted: costs by fvcore, parameters by torch, on the layers themselves and on a "
        "standard convolution built for it. Equation (6) always holds, (5) where Win Hin = Wout "
        "Hout, as at stride 1. The paper's text calls them (4) and (5).",
    )
    table.add_column("network", no_wrap=True)
    table.add_column("pixels", justify="right")
    table.add_column("input", no_wrap=True)
    table.add_column("output", no_wrap=True)
    table.add_column("k", justify="right")
    table.add_column("equation")
    table.add_column("value", justify="right")
    table.add_column("counted", justify="right")
    table.add_column("1/Cout+1/k²", justify="right")
    for replacement in replacements:
        for number, line in enumerate(_equation_lines(replacement)):
            shape = _shape_cells(replacement) if number == 0 else [""] * 5
            table.add_row(*shape, *line, end_section=number == 5)
    return table


def replacement_table(replacements: Sequence[Replacement]) -> Table:
    """Set out what the whole block costs beside the layers that it replaces."""
    table = Table(
        title="The block and the layers that it replaces",
        caption="One picture; the block with its expansion and its batch norms.",
    )
    table.add_column("network", no_wrap=True)
    table.add_column("pixels", justify="right")
    for header in ("MACs", "parameters"):
        for column in (f"block's {header}", f"replaced {header}", "ratio"):
            table.add_column(column, justify="right")
    for one in replacements:
        table.add_row(
            one.model,
            f"{one.image_size}",
            *(
                text
                for name in ("macs", "parameters")
                for text in _against(one.block[name], one.replaced[name])
            ),
        )
    return table


def skipped_lines(rows: Sequence[Row]) -> list[str]:
    """Return a line for each network and size that was left out, with the reason."""
    left_out = {
        (row["model"], row["image_size"]): row["skipped"] for row in rows if "skipped" in row
    }
    return [
        f"Left out: {model} at {size} px: {reason}" for (model, size), reason in left_out.items()
    ]


def _counted(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if "skipped" not in row]


def _groups_of_sizes(rows: Sequence[Row]) -> list[list[int]]:
    """Return the sizes at which anything was counted, as many together as a table holds."""
    counted = {row["image_size"] for row in _counted(rows)}
    sizes = [size for size in dict.fromkeys(row["image_size"] for row in rows) if size in counted]
    starts = range(0, len(sizes), SIZES_OF_A_TABLE)
    return [sizes[start : start + SIZES_OF_A_TABLE] for start in starts]


def _lines(rows: Sequence[Row], sizes: Sequence[int]) -> dict[tuple[str, int, int], dict[int, Row]]:
    """Return the rows of each line by size, those that were skipped, too."""
    lines: dict[tuple[str, int, int], dict[int, Row]] = {}
    for row in _counted(rows):
        if row["image_size"] in sizes:
            network = row["model"], row["bits"], row["parameters"]
            lines.setdefault(network, {})[row["image_size"]] = row
    for row in rows:
        if "skipped" in row:
            for (model, bits, _), by_size in lines.items():
                if (model, bits) == (row["model"], row["bits"]):
                    by_size[row["image_size"]] = row
    return lines


def _cell(row: Row | None, name: str, form: str, unit: int = 1) -> str:
    if row is None:
        return ""  # on the other line of a network that is built for its size
    if "skipped" in row:
        return NOTHING
    return form.format(row[name] / unit if unit > 1 else row[name])


def _beside(count: float, printed: float | None) -> tuple[str, str, str]:
    if printed is None:
        return f"{count:.2f}", NOTHING, NOTHING
    difference = round(count, 2) - printed
    text = "0" if abs(difference) < 0.005 else f"{difference:+.2f}"
    return f"{count:.2f}", f"{printed:.2f}", text


def _shape_cells(replacement: Replacement) -> list[str]:
    of = replacement.separable
    return [
        replacement.model,
        f"{replacement.image_size}",
        f"{of.c_in}x{of.w_in}x{of.h_in}",
        f"{of.c_out}x{of.w_out}x{of.h_out}",
        f"{of.k}",
    ]


def _equation_lines(replacement: Replacement) -> Iterator[tuple[str, str, str, str]]:
    of, counted = replacement.separable, replacement.counted
    for number, name in enumerate(("cd", "pd", "cs", "ps"), start=1):
        yield f"({number}) {name}", f"{getattr(of, name):,}", f"{counted[name]:,}", ""
    ratio = f"{of.ratio:.6f}"
    yield "(5) rc", f"{of.rc:.6f}", f"{counted['cd'] / counted['cs']:.6f}", ratio
    yield "(6) rp", f"{of.rp:.6f}", f"{counted['pd'] / counted['ps']:.6f}", ratio


def _against(block: int, replaced: int) -> tuple[str, str, str]:
    return f"{block:,}", f"{replaced:,}", f"{block / replaced:.3f}"
