"""Arguments of `fit` and `test`: how they are listed, and one line about those that are wrong."""

import re
from dataclasses import fields
from difflib import get_close_matches
from inspect import signature
from typing import Any, NoReturn

from pytorch_lightning.cli import LightningArgumentParser

from dlheir import data
from dlheir.errors import InputError, find_input_error

DESCRIPTION = """\
Every setting is an argument, and a line of a YAML file: --model.bits 12 is `model: {bits: 12}`.
Arguments win over --config, later ones over earlier ones. Without --config, the quickstart's
settings hold. Arguments of a data set: dlheir %(command)s --data.help Corel5K.
"""
DATA_SETS = sorted(
    name for name in data.__all__ if issubclass(getattr(data, name), data.PictureFolder)
)

_KEY = re.compile(r'Parser key "(?P<key>[^"]+)": (?P<reason>.*)')
_VALUE = re.compile(r"(?:Got value|Given value): (.*)$")
# How a user writes a value of some Python types.
_WRITTEN = {
    "NoneType": "null",
    "bool": "true or false",
    "dict": "{NAME: VALUE, ...}",
    "int": "a whole number",
    "float": "a number",
    "list": "[VALUE, ...]",
    "tuple": "[VALUE, ...]",
}
_EXPECTED = re.compile(r"Expected an? (<class '[^']+'>|typing\.Literal\[[^]]*\])")
_MISSING = re.compile(r"the following arguments are required: (.+)")
_LINKED = re.compile(r'Linked "([^"]+)" must be given via .*')
_UNKNOWN = re.compile(
    r"unrecognized arguments: (?P<first>[^\s=]+).*|"
    r"Option '(?P<option>[^']+)' is not accepted.*|"
    r".* does not accept option '(?P<key>[^']+)'.*"
)


class Parser(LightningArgumentParser):
    """Answers wrong arguments with one line."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise instead of printing the usage."""
        # What a constructor said stands deep in jsonargparse's message.
        raise find_input_error(ex) or InputError(self._shortened(message)) from ex

    def _shortened(self, message: str) -> str:
        """What jsonargparse says about its own types and paths, in a user's words."""
        text = " ".join(message.split())
        if unknown := _UNKNOWN.fullmatch(text):
            name = next(filter(None, unknown.groups()))
            return f"unknown argument {name}{self._hint(name)}"
        if missing := _MISSING.fullmatch(text):
            return f"{self._whole(missing[1])} is missing; give it a value"
        if linked := _LINKED.fullmatch(text):
            return f"--{linked[1]} is set by the data; leave it out"
        key, value = _KEY.fullmatch(text), _VALUE.search(text)
        if not key or not value:
            return text
        expected = "one of " + ", ".join(DATA_SETS) if key["key"] == "data" else _types(text)
        return f"{self._whole(key['key'])} is {value[1]}; expected {expected}"

    def _hint(self, name: str) -> str:
        wanted = name.removeprefix("--")
        close = get_close_matches(wanted, self._names(), n=1)
        return f"; did you mean {self._whole(close[0])}?" if close else "; see dlheir fit --help"

    def _whole(self, key: str) -> str:
        """An argument as it is given; of a data set's arguments jsonargparse tells the end only."""
        names = [key, *(name for name in self._names() if name.endswith(f".{key}"))]
        return f"--{max(names, key=len)}"

    def _names(self) -> list[str]:
        """Names of all arguments of all commands, without dashes."""
        parsers: list[Any] = [self]
        subcommands = getattr(self, "_subcommands_action", None)
        parsers += subcommands.choices.values() if subcommands else []
        names = [action.dest for parser in parsers for action in parser._actions]
        names += [f"data.{name}" for name in signature(data.PictureFolder).parameters]
        return names + [f"data.augmentation.{field.name}" for field in fields(data.Augmentation)]


def _types(reason: str) -> str:
    """`int or null` from what jsonargparse says of `<class 'int'>` and `<class 'NoneType'>`."""
    names = ["{NAME: VALUE, ...}"] if "dot import path" in reason else []
    for expected in _EXPECTED.findall(reason):
        if expected.startswith("typing"):
            names.append(expected.removeprefix("typing.Literal[").removesuffix("]"))
        else:
            name = expected.split("'")[1].rpartition(".")[2]
            names.append(_WRITTEN.get(name, name))
    return " or ".join(dict.fromkeys(names)) or "another kind of value"
