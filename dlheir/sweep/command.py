"""The command of a sweep's cell, rendered as W&B's agent renders it."""

import os
import re
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from dlheir.errors import InputError

if TYPE_CHECKING:
    from dlheir.sweep.grid import Sweep

# What W&B's agent takes where a file has no command.
DEFAULT_COMMAND = ("${env}", "${interpreter}", "${program}", "${args}")

_ENVIRONMENT_VARIABLE = re.compile(r"\$\{envvar:([A-Z0-9_]*)\}")
_MACRO = re.compile(r"\$\{([^}]*)\}")
_ENV = "/usr/bin/env"
_INTERPRETER = "python"
# Forms of the parameters that W&B has for other programs.
_OTHER_FORMS = {
    "args_no_hyphens",
    "args_no_boolean_flags",
    "args_json",
    "args_json_file",
    "args_dict",
    "args_append_hydra",
    "args_override_hydra",
}


def command_of(sweep: "Sweep", combination: dict[str, Any]) -> list[str]:
    """The command that W&B's agent would start for a combination.

    Args:
        sweep: The sweep.
        combination: One of its combinations.

    Returns:
        Program and arguments, such as `/usr/bin/env python -m dlheir fit --model.bits=12`.

    Raises:
        InputError: A macro is unknown or not for `dlheir fit`, or an environment variable is not
            set (W&B's agent would pass on its name).
    """
    macros = {
        "env": [_ENV],
        "interpreter": [_INTERPRETER],
        "program": [sweep.program],
        "args": [f"--{name}={value}" for name, value in combination.items()],
        "args_no_equals": [
            part for name, value in combination.items() for part in (f"--{name}", str(value))
        ],
    }
    command = []
    for item in sweep.command:
        macro = _MACRO.fullmatch(item)
        if macro and macro[1] in macros:
            command += macros[macro[1]]
        else:
            command.append(_without_variables(item))
    return command


def fit_arguments(command: list[str]) -> list[str]:
    """The arguments of `dlheir` in a command.

    Args:
        command: Program and arguments; `python -m dlheir fit ...` or `dlheir fit ...`.

    Returns:
        The arguments from `fit` on.

    Raises:
        InputError: The command starts something else, which only an agent of W&B can do.
    """
    words = command[1:] if command[:1] == [_ENV] else command
    if words[:3] == [_INTERPRETER, "-m", "dlheir"]:
        arguments = words[3:]
    elif words and PurePath(words[0]).name == "dlheir":
        arguments = words[1:]
    else:
        arguments = []
    if arguments[:1] != ["fit"]:
        raise InputError(
            f"command: `{' '.join(command)}` is not `dlheir fit`; write ${{env}}, ${{interpreter}},"
            " -m, dlheir, fit, --config, FILE, ${args}, each in a line of its own"
        )
    return arguments


def _without_variables(item: str) -> str:
    """Put in environment variables, and refuse all other macros."""
    for macro in _MACRO.findall(_ENVIRONMENT_VARIABLE.sub("", item)):
        if macro in _OTHER_FORMS:
            raise InputError(f"command: dlheir fit cannot take ${{{macro}}}; write ${{args}}")
        raise InputError(
            f"command: no macro ${{{macro}}} in {item!r}; there are ${{env}}, ${{interpreter}}, "
            "${program}, ${args} and ${args_no_equals}, each alone, and ${envvar:NAME}"
        )
    return _ENVIRONMENT_VARIABLE.sub(lambda macro: _variable(macro[1]), item)


def _variable(name: str) -> str:
    if name not in os.environ:
        raise InputError(f"command: ${{envvar:{name}}}: not set; set it, as in {name}=... dlheir")
    return os.environ[name]
