"""Finding YAML files: a user's own, or those that come with the package."""

from importlib.resources import files
from pathlib import Path

import yaml

from dlheir.errors import InputError

DEFAULT_CONFIG = "experiments/quickstart.yaml"


def find_experiment(name: str, argument: str = "") -> Path:
    """Find a YAML file as it is named, else in a clone's or a wheel's experiments.

    Args:
        name: A path, such as `experiments/quickstart.yaml`.
        argument: What the file was given for, such as "--config ", for the message.

    Raises:
        InputError: There is none, or what is in it is no YAML of settings.
    """
    inside = Path(str(files("dlheir")))
    places = [
        Path(name),
        inside.parent / name,
        inside / name.replace("experiments", "_experiments", 1),
    ]
    for place in places:
        if place.is_file():
            _check_yaml(place, argument)
            return place
    raise InputError(f"{argument}{name}: no such file, here or among dlheir's experiments")


def with_config(arguments: list[str]) -> list[str]:
    """Give `--config` of `fit` and `test` its default, and find experiments that come along."""
    if {"-h", "--help"} & set(arguments):
        return arguments
    if not any(a == "--config" or a.startswith("--config=") for a in arguments):
        return ["--config", str(_config(DEFAULT_CONFIG)), *arguments]
    found = list(arguments)
    for i, argument in enumerate(arguments):
        if argument.startswith("--config="):
            found[i] = f"--config={_config(argument.removeprefix('--config='))}"
        elif argument == "--config" and i + 1 < len(arguments):
            found[i + 1] = str(_config(arguments[i + 1]))
    return found


def _config(name: str) -> Path:
    return find_experiment(name, "--config ")


def _check_yaml(path: Path, argument: str) -> None:
    """Refuse what is no YAML here, where the file's name is known."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", see line {mark.line + 1}" if mark else ""
        raise InputError(f"{argument}{path}: not written in YAML{where}") from error
    if not isinstance(content, dict):
        raise InputError(f"{argument}{path}: no settings in it; expected lines like `runs: FOLDER`")
