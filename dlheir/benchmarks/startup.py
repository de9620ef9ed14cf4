"""How long `import dlheir` and the commands' --help take, in processes of their own."""

import sys

from dlheir.benchmarks.alternately import in_processes
from dlheir.benchmarks.figure import Figure
from dlheir.cli import COMMANDS

IMPORT_SECONDS, HELP_SECONDS = 0.3, 1.0
REPEATS, REPEATS_OF_COMMANDS = 11, 3  # some commands take seconds
_PYTHON = (sys.executable, "-c")
_NOTHING, _TORCH = (*_PYTHON, "pass"), (*_PYTHON, "import torch")


def measure(quick: bool) -> list[Figure]:
    """Start Python with nothing, with dlheir, with torch, and each command's --help.

    Args:
        quick: Leave out the commands.
    """
    imported = (*_PYTHON, "import dlheir")
    found = [
        in_processes("import dlheir", imported, _NOTHING, against="python -c pass", repeats=REPEATS)
    ]
    commands = ["", *([] if quick else COMMANDS)]
    for command in commands:
        name = " ".join(["dlheir", *command.split(), "--help"])
        line = (sys.executable, "-m", *name.split())
        repeats = REPEATS_OF_COMMANDS if command else REPEATS
        found.append(in_processes(name, line, _TORCH, against="import torch", repeats=repeats))
    targets = {"import dlheir": IMPORT_SECONDS, "dlheir --help": HELP_SECONDS}
    seconds = [
        Figure(
            f"{figure.name}, in all",
            figure.ours,
            "s",
            ours=figure.ours,
            target=targets.get(figure.name),
            repeats=figure.repeats,
        )
        for figure in found
        if figure.ours is not None
    ]
    return found + seconds
