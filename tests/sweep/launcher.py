"""`run_cells` in a process of its own, which answers errors and signals as `dlheir sweep` does.

python launcher.py SPECIFICATION prints what happens to each cell as a line of JSON.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from dlheir import cli
from dlheir.runs import RunFolder
from dlheir.sweep.cells import Cell
from dlheir.sweep.cluster import run_cells
from dlheir.sweep.resources import Resources


def main(arguments):
    wanted = json.loads(Path(arguments[0]).read_text())
    cells = [
        Cell(number, {}, tuple(command), run=RunFolder(Path(folder)))
        for number, (folder, command) in enumerate(wanted["cells"].items())
    ]
    run_cells(
        cells,
        Resources(**wanted["resources"]),
        address=wanted["address"],
        retries=wanted["retries"],
        on_change=tell,
    )


def tell(cell, attempt):
    print(json.dumps([cell.id, attempt and asdict(attempt)]), flush=True)


if __name__ == "__main__":
    cli.COMMANDS["sweep"] = "launcher"
    sys.exit(cli.main(["sweep", *sys.argv[1:]]))
