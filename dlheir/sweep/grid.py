"""Sweeps in W&B's grammar: a YAML file becomes combinations of parameters."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import yaml

from dlheir.errors import InputError
from dlheir.files import sha256_of
from dlheir.sweep.command import DEFAULT_COMMAND, command_of, fit_arguments
from dlheir.sweep.distributions import Parameter, read_parameter

Method = Literal["grid", "random"]

# Those of W&B's that mean something without its server, and those that only label a sweep there.
_KEYS = ("program", "method", "parameters", "command", "run_cap", "name")
_LABELS = ("description", "project", "entity", "metric")
_PARAMETER_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_FILE_NAME = re.compile(r"\w[\w .+=,()-]{0,99}")


@dataclass(frozen=True)
class Sweep:
    """What a sweep's file says.

    Args:
        name: The file's `name`, or what the file is called; usable as a file name.
        program: What `${program}` stands for.
        command: Of each run, with macros.
        method: "grid", all combinations, or "random", so many drawn.
        varied: Parameters with more than one possible value, in the file's order.
        combinations: A value of each parameter, by name, in W&B's order of runs and of names.
    """

    name: str
    program: str
    command: tuple[str, ...]
    method: Method
    varied: tuple[str, ...]
    combinations: tuple[dict[str, Any], ...]


def read_sweep(path: Path, seed: int = 0) -> Sweep:
    """Read a sweep's file.

    Args:
        path: The file.
        seed: Draws the combinations of a random sweep. The first ones stay the same where
            `run_cap` grows.

    Raises:
        InputError: The file cannot be read, or says what W&B would not take or what only its
            server can do.
    """
    try:
        return _sweep(_content(path), path.stem, seed)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _content(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror}); give a sweep's file") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: of letters, dates
        mark = getattr(error, "problem_mark", None)
        where = f", see line {mark.line + 1}" if mark else ""
        raise InputError(f"not written in YAML{where}") from error
    if not isinstance(content, dict) or "parameters" not in content:
        raise InputError("no sweep, as it has no parameters; dlheir fit takes a configuration")
    return content


def _sweep(content: dict[str, Any], stem: str, seed: int) -> Sweep:
    _check_keys(content)
    parameters = _parameters(content["parameters"])
    method, cap = _method(content), _run_cap(content)
    combinations: Iterator[dict[str, Any]]
    if method == "grid":
        combinations = itertools.islice(_grid(parameters), cap)
    elif cap is None:
        raise InputError("run_cap is missing; a random sweep needs it, give the number of runs")
    else:
        combinations = _drawn(parameters, cap, seed)
    sweep = Sweep(
        name=_name(content.get("name", stem)),
        program=_text("program", content.get("program", "dlheir")),
        command=_command(content.get("command")),
        method=method,
        varied=tuple(name for name, parameter in parameters.items() if parameter.varies),
        combinations=tuple(combinations),
    )
    fit_arguments(command_of(sweep, sweep.combinations[0]))  # wrong for one, wrong for all
    return sweep


def _check_keys(content: dict[str, Any]) -> None:
    if "early_terminate" in content:
        raise InputError("early_terminate needs W&B's server; remove it, or use wandb sweep")
    for key in content:
        if key not in (*_KEYS, *_LABELS):
            raise InputError(f"unknown key {key!r}; there are {', '.join((*_KEYS, *_LABELS))}")


def _method(content: dict[str, Any]) -> Method:
    method = content.get("method")
    if method == "bayes":
        raise InputError("method bayes needs W&B's server; use grid or random, or use wandb sweep")
    if method not in get_args(Method):
        raise InputError(f"method is {method!r}; give grid or random")
    return "grid" if method == "grid" else "random"


def _run_cap(content: dict[str, Any]) -> int | None:
    cap = content.get("run_cap")
    if "run_cap" in content and (type(cap) is not int or cap < 1):
        raise InputError(f"run_cap is {cap!r}; give a whole number of at least 1")
    return cap


def _name(name: Any) -> str:
    if not isinstance(name, str) or not _FILE_NAME.fullmatch(name):
        raise InputError(
            f"name is {name!r}; a file is called after it: use at most 100 letters, digits, "
            "spaces, '.', '_' and '-'"
        )
    return name


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InputError(f"{key} is {value!r}; give a text")
    return value


def _command(items: Any) -> tuple[str, ...]:
    if items is None:
        return DEFAULT_COMMAND
    if not isinstance(items, list) or not items:
        raise InputError(f"command is {items!r}; give a list")
    for item in items:
        if not isinstance(item, str | int | float):
            raise InputError(f"command: {item!r} is no text; put it in quotes")
    if not {"${args}", "${args_no_equals}"} & set(items):
        raise InputError("command: no ${args}, so no parameter would reach dlheir fit; add it")
    return tuple(map(str, items))


def _parameters(lines: Any) -> dict[str, Parameter]:
    if not isinstance(lines, dict) or not lines:
        raise InputError("parameters is empty; give lines like `model.bits: {values: [12, 24]}`")
    for name in lines:
        if not isinstance(name, str) or not _PARAMETER_NAME.fullmatch(name):
            raise InputError(f"parameters: {name!r} is no name; give one like model.bits")
    return {name: read_parameter(name, settings) for name, settings in lines.items()}


def _grid(parameters: dict[str, Parameter]) -> Iterator[dict[str, Any]]:
    """All combinations in W&B's order: by name, the last name's values change fastest."""
    names = sorted(parameters)
    values = []
    for name in names:
        listed = parameters[name].values
        if listed is None:
            raise InputError(
                f"{name}: a grid cannot have a distribution {parameters[name].distribution}; give "
                "values, or use method random"
            )
        values.append(listed())
    return (dict(zip(names, chosen, strict=True)) for chosen in itertools.product(*values))


def _drawn(parameters: dict[str, Parameter], count: int, seed: int) -> Iterator[dict[str, Any]]:
    """So many random combinations, less those that were drawn before."""
    rng, seen = np.random.default_rng(seed), set()
    for _ in range(count):
        combination = {name: parameters[name].draw(rng) for name in sorted(parameters)}
        digest = sha256_of(combination)
        if digest not in seen:
            seen.add(digest)
            yield combination
