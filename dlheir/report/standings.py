"""How the methods of a board stand in one figure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dlheir.report.groups import Row, Summary
from dlheir.report.methods import ITQ, Board, Method
from dlheir.report.precision import text_of
from dlheir.report.table import Figure

NOTHING = "-"
Measure = Callable[[Row], Summary | None]


@dataclass(frozen=True)
class Standings:
    """One figure of all methods of a board, the more the better.

    Attributes:
        board: The methods.
        measure: The figure of a row, in per cent; None where no run of it has it.
    """

    board: Board
    measure: Measure

    def summary(self, method: Method, bits: int) -> Summary | None:
        """A method's figure at a code length; None where it has none."""
        row = method.rows.get(bits)
        return self.measure(row) if row is not None else None

    def best_first(self, lengths: Sequence[int]) -> list[Method]:
        """Sort the methods by the figure at the most bits, and where it is equal at fewer ones."""

        def standing(method: Method) -> tuple[Any, ...]:
            found = [self.summary(method, bits) for bits in sorted(lengths, reverse=True)]
            return (*(-summary.mean if summary else 0.0 for summary in found), method.name)

        return sorted(self.board.methods, key=standing)

    def figure(self, method: Method, bits: int) -> Figure:
        """Write a method's figure, the best of all in bold, with its seeds where some lack."""
        summary = self.summary(method, bits)
        if summary is None:
            return Figure(NOTHING)
        text, seeds = text_of(summary), len(method.rows[bits].done)
        if f"{summary.mean:.2f}" == f"{self._best(self.board.methods, bits):.2f}":
            text = f"**{text}**"
        if seeds < len(self.board.seeds):
            text += f" ({seeds} seed{'s' if seeds > 1 else ''})"
        return Figure(text)

    def reaches_itq(self, method: Method, bits: int) -> bool | None:
        """Whether a trained method is as good as ITQ; None where there is nothing to compare."""
        itqs = [m for m in self.board.methods if m.objective == ITQ and m.network == method.network]
        own, itq = self.summary(method, bits), self._best(itqs, bits)
        return None if method.untrained or own is None or itq is None else own.mean >= itq

    def reached(self, method: Method) -> str:
        """Write at which code lengths a trained method is as good as ITQ."""
        told = {bits: self.reaches_itq(method, bits) for bits in self.board.bits}
        compared = [bits for bits, reaches in told.items() if reaches is not None]
        reached = [str(bits) for bits in compared if told[bits]]
        if not compared:
            return NOTHING
        return "all" if len(reached) == len(compared) else ", ".join(reached) or "none"

    def _best(self, methods: Sequence[Method], bits: int) -> float | None:
        found = [self.summary(method, bits) for method in methods]
        return max((summary.mean for summary in found if summary), default=None)
