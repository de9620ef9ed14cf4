"""The configuration beside a checkpoint, and the commands that take it."""

import inspect
from importlib import import_module

import yaml

from dlheir.publishing.finished import FinishedRun
from dlheir.runs import decisive_settings

# What the published file is tested in, and what hashing by it computes in; also, as Lightning takes
# it, where nothing is said.
PRECISION = "32-true"
_THE_SAME = {None, 32, "32", PRECISION}

_HEAD = """\
# What decides the result of {name}, on any machine.
#   {command}
"""


def published_config(name: str, run: FinishedRun) -> str:
    """Write `config.yaml`: what decides the result, but for weights, pictures and precision.

    Those are given on the command line: two are files on somebody's machine, and the precision is
    another in training than in tests.

    Args:
        name: Of the checkpoint.
        run: The run that trained it.
    """
    given = run.config
    precision = given["trainer"]["precision"]
    decisive = decisive_settings({**given, "data": given["data"]["init_args"]})
    config = {
        "seed_everything": given["seed_everything"],
        "model": decisive["model"],
        "data": {"class_path": given["data"]["class_path"], "init_args": decisive["data"]},
        "retrieval": {"ks": given["retrieval"]["ks"]},
        "trainer": {
            **decisive["trainer"],
            "precision": precision if precision in _THE_SAME else PRECISION,
        },
    }
    return _HEAD.format(name=name, command=testing_command(name, run)) + yaml.safe_dump(
        config, sort_keys=False
    )


def testing_command(name: str, run: FinishedRun) -> str:
    """The command that comes to the checkpoint's scores again."""
    return " ".join(["dlheir test --ckpt_path", name, *_pictures(run)])


def training_command(name: str, run: FinishedRun) -> str:
    """The command that trains it again, in a clone."""
    arguments = [f"dlheir fit --config checkpoints/{name}/config.yaml", *_pictures(run)]
    precision = run.config["trainer"]["precision"]
    if precision not in _THE_SAME:
        arguments.append(f"--trainer.precision {precision}")
    weights = run.config["model"]["backbone_weights"]
    if weights is not None:
        source = "DEFAULT" if weights == "DEFAULT" else "WEIGHTS"
        arguments.append(f"--model.backbone_weights {source}")
    return " ".join(arguments)


def needs_root(run: FinishedRun) -> bool:
    """Whether the run's data set has to be told where its pictures are."""
    module, _, name = run.config["data"]["class_path"].rpartition(".")
    parameters = inspect.signature(getattr(import_module(module), name)).parameters
    return parameters["root"].default is inspect.Parameter.empty


def _pictures(run: FinishedRun) -> list[str]:
    """Where the pictures are and, if no seed draws it, the split."""
    arguments = ["--data.root PICTURES"] if needs_root(run) else []
    return [*arguments, "--data.split SPLIT"] if run.split_given else arguments
