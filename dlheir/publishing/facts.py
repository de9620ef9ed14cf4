"""What the registry says of a checkpoint."""

from pathlib import Path
from typing import Any

from dlheir.data import PictureFolder
from dlheir.errors import InputError
from dlheir.files import sha256_of_file
from dlheir.models.registry import find_entry
from dlheir.models.weights import read_torch_file
from dlheir.publishing.configuration import PRECISION, testing_command, training_command
from dlheir.publishing.finished import FinishedRun

_SCORES = (
    "precision",
    "expected_precision",
    "precision_ceiling",
    "expected_map",
    "map",
    "hamming_radius_2",
)
_OF_A_RUN = ("run_id", "git_commit", "code_sha256", "device", "versions")
# Of the code; weights that were trained by it alone come under the same.
_OWN_LICENCE = "Apache-2.0, as this program; trained from random weights"


def about_run(name: str, run: FinishedRun, data: PictureFolder) -> dict[str, Any]:
    """What is known before the published file is tested again.

    Args:
        name: Of the checkpoint.
        run: The run that trained it.
        data: Its pictures.
    """
    results = run.results
    named = ("model", "bits", "image_size", "threshold", "objective", "data", "protocol", "split")
    return {
        **{key: results[key] for key in named},
        "resize": data.resize,
        "classes": results["data"]["trained_classes"],
        "complexity": results["complexity"],
        "trained": {
            **{key: results[key] for key in _OF_A_RUN},
            "command": training_command(name, run),
            "seed": results["seed"],
            "state": run.checkpoint.stem,
            **_length(run.checkpoint),
            "seconds": results["timing"]["training"],
            "precision": run.config["trainer"]["precision"] or PRECISION,
            "backbone_weights": _backbone_weights(run),
        },
        "licence": {"weights": _licence(run), "data": data.licence},
        "picture": "data" if data.public else "generated",
    }


def about_test(name: str, run: FinishedRun, results: dict[str, Any]) -> dict[str, Any]:
    """What the test of the published file found.

    Args:
        name: Of the checkpoint.
        run: The run that trained it.
        results: Of the test.
    """
    return {
        "scores": {key: results[key] for key in _SCORES},
        "tested": {
            **{key: results[key] for key in _OF_A_RUN},
            "command": testing_command(name, run),
        },
    }


def _length(checkpoint: Path) -> dict[str, int]:
    """How long a state was trained; none of it for what is solved."""
    content = read_torch_file(checkpoint)
    steps = int(content["global_step"])
    return {"epochs": int(content["epoch"]) + 1 if steps else 0, "steps": steps}


def _backbone_weights(run: FinishedRun) -> str | None:
    """What the run started from: null is random weights, a file is told by its hash alone."""
    given: str | None = run.config["model"]["backbone_weights"]
    if given is None or given == "DEFAULT":
        return given
    if not Path(given).is_file():
        raise InputError(
            f"{given}: the weights that the run started from are missing; its card "
            "needs their hash; bring them back"
        )
    return sha256_of_file(Path(given))


def _licence(run: FinishedRun) -> str:
    given = run.config["model"]["backbone_weights"]
    if given is None:
        return _OWN_LICENCE
    if given == "DEFAULT":
        of_them = find_entry(run.results["model"]).licence
        return f"fine-tuned from ImageNet weights: {of_them}"
    return "unknown: fine-tuned from weights that were given as a file"
