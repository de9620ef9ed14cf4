"""Finding YAML files: a user's own, or those that come with the package."""

from importlib.resources import files
from itertools import pairwise
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


def with_config(command: str, arguments: list[str]) -> list[str]:
    """Give `--config` its default, and find experiments that come along.

    The default is the quickstart's; of the test of a registered checkpoint it is the checkpoint's.

    Args:
        command: "fit" or "test".
        arguments: Of the command.

    Returns:
        The arguments with at least one `--config`, of files that are there.

    Raises:
        InputError: One is not there.
    """
    if {"-h", "--help"} & set(arguments):
        return arguments
    if not _values(arguments, "--config"):
        tested = _values(arguments, "--ckpt_path")[-1:] if command == "test" else []
        default = next(filter(None, map(_of_checkpoint, tested)), None) or _config(DEFAULT_CONFIG)
        return ["--config", str(default), *arguments]
    found = list(arguments)
    for i, argument in enumerate(arguments):
        if argument.startswith("--config="):
            found[i] = f"--config={_config(argument.removeprefix('--config='))}"
        elif argument == "--config" and i + 1 < len(arguments):
            found[i + 1] = str(_config(arguments[i + 1]))
    return found


def _values(arguments: list[str], name: str) -> list[str]:
    """What an argument is given, in either way of writing it; "" where its value is missing."""
    values = []
    for argument, following in pairwise([*arguments, ""]):
        if argument == name:
            values.append(following)
        elif argument.startswith(f"{name}="):
            values.append(argument.removeprefix(f"{name}="))
    return values


def _of_checkpoint(name: str) -> Path | None:
    """The settings beside a registered checkpoint's card; None for what is no such name."""
    if "/" in name:  # a path
        return None
    from dlheir.checkpoints import read_registry  # needs more than most commands have to load

    registry = read_registry()
    if name not in registry.entries:
        return None
    settings = registry.path.parent / name / "config.yaml"
    if not settings.is_file():
        raise InputError(
            f"{settings}: no such file, which has the settings of checkpoint {name}; give others "
            "by --config"
        )
    _check_yaml(settings, "")
    return settings


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
