"""`dlheir report`: tables, plots and a page from the folders of runs."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dlheir.errors import InputError
from dlheir.files import written_whole
from dlheir.one_line_parser import OneLineParser
from dlheir.report import leaderboard, leaderboard_plot
from dlheir.report.content import Content, content_of
from dlheir.report.groups import rows_of
from dlheir.report.methods import boards_of
from dlheir.report.page import to_html, to_markdown
from dlheir.report.reading import collect, is_run

_DESCRIPTION = """\
Compare finished runs, beside the paper's figures: a page (index.html, one file with everything in
it), the same as Markdown (report.md), its tables as CSV (tables/) and its plots as PNG (plots/).
Runs without results are shown as such, comparisons of speed (dlheir compare) as the paper's Table 3
and Figures 4 to 6, and each claim of the paper is held to what the folders have. Everything comes
from the folders, which may have been made on several machines.

The page holds retrieval pictures of some runs, and so a few of your own pictures where runs were
made on them: whoever gets the page sees them.

--leaderboard FILE.md compares hashing methods instead: FILE.md has a section for each data set and
protocol, with a line for each objective and what else differs, and the code lengths side by side;
FILE.csv beside it has a line for each method and code length, with every metric and the run ids,
FILE.png draws them.
Trained objectives are held against ITQ. It holds no pictures. With --out, both are written.
"""
_EXAMPLES = """\
examples:
  dlheir report runs/table1
  dlheir report runs/paper runs/disjoint runs/unseen --leaderboard checkpoints/leaderboard.md
"""
_PAGE, _MARKDOWN = "index.html", "report.md"
_FOLDERS = {"tables": "*.csv", "plots": "*.png", "pictures": "*.png"}


@dataclass(frozen=True)
class Report:
    """A report or a leaderboard that was written.

    Attributes:
        page: Its first file.
        counts: How many cells it has in which state, in a line.
    """

    page: Path
    counts: str

    def __str__(self) -> str:
        return f"{self.page} ({self.counts})"


def main(argv: Sequence[str]) -> None:
    """Run `dlheir report`.

    Raises:
        InputError: An argument is wrong, or a folder holds no runs.
    """
    arguments = _parser().parse_args(argv)
    if arguments.leaderboard:
        sys.stdout.write(f"{write_leaderboard(arguments.runs, arguments.leaderboard)}\n")
    if arguments.out or not arguments.leaderboard:
        report = write_report(arguments.runs, arguments.out or _default_place(arguments.runs[0]))
        sys.stdout.write(f"{report}\n")


def write_report(folders: Sequence[Path], out: Path) -> Report:
    """Write a report about all runs and comparisons below some folders.

    Args:
        folders: Folders of experiments, experiments or single runs.
        out: The folder to write, which holds nothing or an earlier report.

    Raises:
        InputError: A folder holds no runs, or `out` holds other things.
    """
    collected = collect(folders)
    _check_place(out)
    title = ", ".join(dict.fromkeys(folder.resolve().name for folder in folders))
    content = content_of(title, collected)
    written = {path for name, data in _files(content) for path in [_write(out / name, data)]}
    for name, pattern in _FOLDERS.items():  # an earlier report had other tables
        for old in set((out / name).glob(pattern)) - written:
            old.unlink()
    return Report(out / _PAGE, content.counts)


def write_leaderboard(folders: Sequence[Path], file: Path) -> Report:
    """Write a leaderboard of all runs below some folders: Markdown, CSV and PNG.

    Args:
        folders: Folders of experiments, experiments or single runs.
        file: The Markdown file.

    Raises:
        InputError: A folder holds no runs, no run has results, or `file` cannot be that file.
    """
    if file.suffix != ".md" or file.is_dir():
        raise InputError(f"--leaderboard {file}: not the name of a Markdown file; end it in .md")
    _check_outside_runs("--leaderboard", file)
    collected = collect(folders)
    if not any(cell.results for cell in collected.cells):
        raise InputError(f"{folders[0]}: no run there has results; a leaderboard needs some")
    _write(file, leaderboard.to_markdown(collected, file.name).encode())
    _write(file.with_suffix(".csv"), leaderboard.to_csv(collected).encode())
    _write(file.with_suffix(".png"), leaderboard_plot.to_png(boards_of(rows_of(collected.cells))))
    return Report(file, collected.counts)


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="dlheir report",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "runs",
        nargs="+",
        type=Path,
        metavar="RUNS",
        help="a folder of experiments, an experiment, a single run or a comparison",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="where to write it; the default is report/ in the first RUNS, or beside a single run",
    )
    parser.add_argument(
        "--leaderboard",
        type=Path,
        metavar="FILE.md",
        help="write a leaderboard there, as CSV and as PNG; the page only where --out is given too",
    )
    return parser


def _default_place(folder: Path) -> Path:
    return (folder.resolve().parent if is_run(folder.resolve()) else folder) / "report"


def _check_outside_runs(option: str, place: Path) -> None:
    if any(is_run(folder) for folder in (place.resolve(), *place.resolve().parents)):
        raise InputError(f"{option} {place}: a run's folder; choose another one")


def _check_place(out: Path) -> None:
    _check_outside_runs("--out", out)
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out}: not a folder; choose another place")
    own = {_PAGE, _MARKDOWN, *_FOLDERS}
    others = [
        p.name
        for p in (sorted(out.iterdir()) if out.is_dir() else [])
        if p.name not in own and not p.name.endswith(".part")
    ]
    if others:
        raise InputError(f"--out {out}: holds {others[0]}, no report's; choose another folder")


def _files(content: Content) -> Iterator[tuple[str, bytes]]:
    for part in content.parts:
        yield f"tables/{part.table.name}.csv", part.table.to_csv().encode()
        for plot in part.plots:
            yield f"plots/{plot.name}.png", plot.png
    for picture in content.pictures:
        yield f"pictures/{picture.run_id}.png", picture.png
    yield _MARKDOWN, to_markdown(content).encode()
    yield _PAGE, to_html(content).encode()


def _write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as part:
        part.write_bytes(data)
    return path
