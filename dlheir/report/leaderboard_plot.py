"""The leaderboard as a picture: precision over code length, the protocols side by side."""

from collections.abc import Sequence
from functools import partial
from itertools import cycle
from typing import Any

from dlheir.report.drawing import INK, MARKERS, SERIES, drawn_beside
from dlheir.report.groups import Row
from dlheir.report.methods import Board, Method
from dlheir.report.standings import Standings

_LEGEND_COLUMNS = 4
# Of trained methods; dots where there are more of them than colours.
_LINES = ("-", ":", "-.")
_OF_BASELINES = (("--", "x"), ("-.", "+"), (":", "."))


def to_png(boards: Sequence[Board]) -> bytes:
    """Draw the expected precision at the smallest k, its mean over seeds.

    Args:
        boards: Of one network and budget; each is a panel.
    """
    k = min(k for board in boards for k in board.ks)
    methods = [method for board in boards for method in board.methods]
    styles = _styles(methods)
    titles = [board.data.heading for board in boards]
    with drawn_beside(titles, "bits", f"expected P@{k} in %", _LEGEND_COLUMNS) as panels:
        for axes, board in zip(panels.axes, boards, strict=True):
            standings = Standings(board, partial(Row.summary, kind="expected_precision", k=k))
            for method in sorted(board.methods, key=lambda m: (m.untrained, m.objective)):
                found = [(bits, standings.summary(method, bits)) for bits in board.bits]
                points = {bits: summary.mean for bits, summary in found if summary}
                axes.plot(
                    list(points),
                    list(points.values()),
                    label=method.name,
                    **styles[method.objective],
                )
            axes.set_xticks(board.bits)
        panels.axes[0].set_ylim(bottom=0)  # of all of them, once all is drawn
    return panels.png


def _styles(methods: Sequence[Method]) -> dict[str, dict[str, Any]]:
    """Give trained objectives colours, and baselines broken lines in the colour of text."""
    trained = sorted({method.objective for method in methods if not method.untrained})
    baselines = sorted({method.objective for method in methods if method.untrained})
    found: dict[str, dict[str, Any]] = {
        name: {
            "color": SERIES[i % len(SERIES)],
            "marker": MARKERS[i % len(MARKERS)],
            "linestyle": _LINES[i // len(SERIES) % len(_LINES)],
        }
        for i, name in enumerate(trained)
    }
    for name, (line, marker) in zip(baselines, cycle(_OF_BASELINES), strict=False):
        found[name] = {"color": INK, "marker": marker, "linestyle": line}
    return found
