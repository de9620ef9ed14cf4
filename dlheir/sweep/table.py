"""What a person sees of a sweep: its cells, their states, and why cells failed."""

from collections import Counter
from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dlheir.sweep.attempts import read_attempts
from dlheir.sweep.cells import Cell
from dlheir.sweep.ledger import Standing, State

STYLES = {
    State.DONE: "green",
    State.FAILED: "red",
    State.REFUSED: "red",
    State.DAMAGED: "red",
    State.STALE: "yellow",
    State.INTERRUPTED: "yellow",
    State.RUNNING: "cyan",
    State.NEW: "default",
}
# Of what a failed cell printed last.
LINES_SHOWN = 5


def cells_table(
    name: str, varied: Sequence[str], rows: Sequence[tuple[Cell, Standing]]
) -> RenderableType:
    """One row a cell, and below it what the failed ones said last.

    Args:
        name: The sweep's.
        varied: Parameters to show, the sweep's axes.
        rows: Cells and how they stand.
    """
    table = Table(title=f"Sweep {name}: {summary(standing for _, standing in rows)}")
    table.add_column("cell", no_wrap=True)
    for parameter in varied:
        table.add_column(parameter.rpartition(".")[2], justify="right")
    for heading in ("P@20", "attempts", "seconds"):
        table.add_column(heading, justify="right")
    table.add_column("state")
    for cell, standing in rows:
        table.add_row(*_row(cell, standing, varied))
    return Group(table, *(_failure(cell, s) for cell, s in rows if s.state in FAILURES))


FAILURES = (State.FAILED, State.REFUSED, State.DAMAGED)


def summary(standings: Iterable[Standing]) -> str:
    """`20 done, 1 failed of 24`-like counts of states, in the order in which they are listed."""
    counts = Counter(standing.state for standing in standings)
    parts = [f"{counts[state]} {state}" for state in State if counts[state]]
    return f"{', '.join(parts)} of {counts.total()}"


def _row(cell: Cell, standing: Standing, varied: Sequence[str]) -> list[str | Text]:
    attempts = read_attempts(cell.run) if cell.run else []
    results = standing.results if standing.state in {State.DONE, State.STALE} else None
    served = results["precision"].get("20") if results else None
    return [
        cell.id,
        *(str(cell.combination.get(parameter, "")) for parameter in varied),
        "" if served is None else f"{100 * served:.2f}",
        str(len(attempts) or ""),
        f"{sum(a.seconds for a in attempts):.0f}" if attempts else "",
        Text(standing.state, style=STYLES[standing.state]),
    ]


def _failure(cell: Cell, standing: Standing) -> RenderableType:
    attempts = read_attempts(cell.run) if cell.run else []
    last = attempts[-1].last_lines[-LINES_SHOWN:] if attempts else ()
    lines = "\n".join(last) or standing.detail
    heading = Text(f"{cell.id} {standing.state}", style=STYLES[standing.state])
    if cell.run and attempts:
        heading.append(f"; all it printed is in {cell.run.log}", style="default")
    return Group(heading, Padding(Text(lines), (0, 0, 0, 2)))
