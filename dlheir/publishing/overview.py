"""The tables of all checkpoints, written from the registry alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dlheir.checkpoints import Entry
from dlheir.errors import InputError
from dlheir.files import written_whole

BEGIN, END = "<!-- registry -->\n", "<!-- end -->"
NOT_HOSTED = "not hosted yet"

_NEW = f"# Checkpoints\n\n{BEGIN}{END}\n"


@dataclass(frozen=True)
class Board:
    """Checkpoints whose scores compare.

    Attributes:
        data: Their data set.
        protocol: What they were tested under.
        entries: The best expected mAP first.
    """

    data: str
    protocol: str
    entries: tuple[Entry, ...]

    @property
    def title(self) -> str:
        """A line above their table."""
        return f"{self.data}, protocol {self.protocol}"


@dataclass(frozen=True)
class Score:
    """What a table shows of a checkpoint, as text."""

    entry: Entry

    @property
    def first_k(self) -> str:
        """The least number of answers that precision is known of."""
        return str(min(self.entry.facts["scores"]["expected_precision"], key=int))

    @property
    def precision(self) -> str:
        """Expected precision at that many, in %."""
        return percent(self.entry.facts["scores"]["expected_precision"][self.first_k])

    @property
    def average(self) -> str:
        """Expected mAP in %."""
        return percent(self.entry.facts["scores"]["expected_map"])

    @property
    def size(self) -> str:
        """Of the file."""
        return f"{self.entry.size / 1e6:.1f} MB"


def percent(share: float) -> str:
    """Write a share in %."""
    return f"{100 * share:.2f}"


def boards_of(entries: Iterable[Entry]) -> list[Board]:
    """Put together what compares: the same data set and protocol, and no other."""
    found: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        key = (entry.facts["data"]["name"], entry.facts["protocol"])
        found.setdefault(key, []).append(entry)
    return [
        Board(*key, tuple(sorted(of_one, key=lambda e: -e.facts["scores"]["expected_map"])))
        for key, of_one in sorted(found.items())
    ]


def overview(entries: Iterable[Entry]) -> str:
    """Write a table for each data set and protocol, in GitHub's Markdown."""
    return "\n".join(_table(board) for board in boards_of(entries))


def check_readme(path: Path) -> None:
    """Refuse a document that has no place for the tables.

    Raises:
        InputError: It has none, or several.
    """
    text = _read(path)
    if text.count(BEGIN) != 1 or END not in text.partition(BEGIN)[2]:
        raise InputError(
            f"{path}: where do the tables go? put one line {BEGIN.strip()} and below it one line "
            f"{END}"
        )


def write_readme(path: Path, entries: Iterable[Entry]) -> None:
    """Exchange the tables in a document; one that is not there is begun."""
    check_readme(path)
    before, _, rest = _read(path).partition(BEGIN)
    after = rest.partition(END)[2]
    with written_whole(path) as part:
        part.write_text(f"{before}{BEGIN}{overview(entries)}{END}{after}", encoding="utf-8")


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else _NEW


def _table(board: Board) -> str:
    ks = {Score(entry).first_k for entry in board.entries}
    at = f"@{ks.pop()}" if len(ks) == 1 else ", fewest answers"
    heads = ("checkpoint", "network", "bits", "pictures", f"P{at}", "mAP", "parameters", "file")
    lines = [
        f"**{board.data}**, protocol `{board.protocol}`; in %, expected over all orders of ties:",
        "",
        _row(heads),
        _row(["---"] * 2 + ["---:"] * 6),
        *(_row(_cells(entry)) for entry in board.entries),
    ]
    return "\n".join(lines) + "\n"


def _cells(entry: Entry) -> Sequence[str]:
    score = Score(entry)
    return (
        f"[{entry.name}]({entry.name}/README.md)",
        f"`{entry.model}`",
        str(entry.bits),
        f"{entry.image_size} px",
        score.precision,
        score.average,
        f"{entry.facts['complexity']['parameters']:,.0f}",
        NOT_HOSTED if entry.url is None else score.size,
    )


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
