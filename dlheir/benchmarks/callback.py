"""What the retrieval callback takes of a run, step by step, by the run's own clocks.

The run is the quickstart on generated pictures. What has no clock of its own, drawing and writing
the results, is read off the times of the files that the run leaves, in the order of writing.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from dlheir.benchmarks.alternately import run_command
from dlheir.benchmarks.figure import Figure
from dlheir.console import console
from dlheir.experiment_files import find_experiment
from dlheir.results import read_results
from dlheir.runs import RunFolder

# In the order in which a run goes through them, by the paper's names of its functions.
STEPS = {
    "training": "training",
    "hashgen": "hashing the database (hashgen)",
    "TrapGen": "hashing the queries (TrapGen)",
    "KeyGen": "making keys (KeyGen)",
    "EncImg": "sealing (EncImg)",
    "upload": "uploading",
    "Search": "searching (Search)",
    "Dec": "opening (Dec)",
    "picture": "drawing the picture",
    "results": "writing the results",
}
# What would be there without an encrypted store, too.
NETWORKS = {"training", "hashgen", "TrapGen"}


def measure(quick: bool) -> list[Figure]:
    """Run the quickstart and say what each step took.

    Args:
        quick: With two epochs instead of its fifteen.
    """
    with TemporaryDirectory() as folder:
        runs, command = Path(folder) / "runs", _quickstart(Path(folder))
        # Paints the pictures, which is no part of a run, and brings the files into memory.
        console.print("Painting pictures")
        run_command([*command, f"--runs={Path(folder) / 'warm'}", "--trainer.max_epochs=1"])
        console.print("Running the quickstart")
        short = ["--trainer.max_epochs=2"] if quick else []
        whole = run_command([*command, f"--runs={runs}", *short])
        (results,) = runs.glob("*/*/results.json")
        return figures_of(RunFolder(results.parent), whole)


def figures_of(run: RunFolder, whole: float) -> list[Figure]:
    """Lay a finished run's time out.

    Args:
        run: The run, in one session.
        whole: Seconds of its process.

    Returns:
        Seconds of each step, of the rest, and the callback's share in percent.
    """
    seconds = {name: taken for name, taken in _seconds(run).items() if name in STEPS}
    callback = sum(taken for name, taken in seconds.items() if name not in NETWORKS)
    rest = whole - sum(seconds.values())
    return [
        *(Figure(STEPS[name], seconds[name], "s") for name in STEPS if name in seconds),
        Figure("the rest: imports, reading pictures, checkpoints", rest, "s"),
        Figure("the whole run", whole, "s"),
        Figure("the callback's share of it, hashing apart", 100 * callback / whole, "%"),
    ]


def _seconds(run: RunFolder) -> dict[str, float]:
    timing: dict[str, float] = read_results(run.results)["timing"]
    codes, picture, results = (
        path.stat().st_mtime for path in (run.codes, run.picture, run.results)
    )
    return timing | {"picture": picture - codes, "results": results - picture}


def _quickstart(folder: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "dlheir", "fit"),
        f"--config={find_experiment('experiments/quickstart.yaml')}",
        f"--data.root={folder / 'pictures'}",
        "--wandb.mode=disabled",
    ]
