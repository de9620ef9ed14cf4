"""registry.json: the checkpoints that people can load by name, and what their bytes must be."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema

from dlheir.errors import InputError
from dlheir.files import write_json

FILE = "registry.json"
SCHEMA = 1


@dataclass(frozen=True)
class Entry:
    """A checkpoint as the registry knows it.

    Attributes:
        name: `arch.tag`, such as `mobilenet_v2.corel5k_48b`.
        facts: Its JSON object; `registry.schema.json` says what is in it.
    """

    name: str
    facts: dict[str, Any]

    @property
    def url(self) -> str | None:
        """Relative to the source's base, absolute, or None: not hosted yet."""
        url: str | None = self.facts["url"]
        return url

    @property
    def sha256(self) -> str:
        """Of the file, hexadecimal."""
        return str(self.facts["sha256"])

    @property
    def size(self) -> int:
        """Of the file, in bytes."""
        return int(self.facts["size"])

    @property
    def model(self) -> str:
        """The network's name for `get_model`."""
        return str(self.facts["model"])

    @property
    def bits(self) -> int:
        """Length of its codes."""
        return int(self.facts["bits"])

    @property
    def image_size(self) -> int:
        """Side of the pictures that it sees, in pixels."""
        return int(self.facts["image_size"])


@dataclass(frozen=True)
class Registry:
    """What a registry file holds.

    Attributes:
        path: The file.
        entries: By name, sorted.
    """

    path: Path
    entries: dict[str, Entry]

    def find(self, name: str) -> Entry:
        """Return the entry of a name.

        Raises:
            InputError: There is none; the closest name is given.
        """
        if name not in self.entries:
            raise InputError(f"{name}: no such checkpoint in {self.path}; {self.hint(name)}")
        return self.entries[name]

    def hint(self, name: str) -> str:
        """What to do about a name that is not here, for a message."""
        close = get_close_matches(name, self.entries, n=1)
        meant = f"did you mean {close[0]}? " if close else ""
        return f"{meant}`dlheir checkpoints list` shows what there is"


def read_registry(path: Path | None = None) -> Registry:
    """Read a registry.

    Args:
        path: The file; null takes DLHEIR_REGISTRY, else what comes with dlheir: a clone's
            `checkpoints/registry.json`, or the wheel's.

    Raises:
        InputError: It is missing, damaged or of another schema.
    """
    path = path or _default()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        _validator().validate(content)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise InputError(
            f"{path}: no registry of checkpoints there; see --registry and DLHEIR_REGISTRY"
        ) from error
    except ValueError as error:
        raise InputError(f"{path}: a damaged registry of checkpoints (no JSON)") from error
    except jsonschema.ValidationError as error:
        raise InputError(
            f"{path}: not a registry of checkpoints that this dlheir can read "
            f"(see {error.json_path} in it)"
        ) from error
    checkpoints = content["checkpoints"]
    return Registry(path, {name: Entry(name, checkpoints[name]) for name in sorted(checkpoints)})


def list_checkpoints() -> list[str]:
    """Return the names that `load_checkpoint` takes, sorted; not all need be hosted yet.

    Raises:
        InputError: The registry cannot be read.
    """
    return list(read_registry().entries)


def write_registry(path: Path, entries: Mapping[str, Entry]) -> None:
    """Write a registry, sorted by name, whole or not at all.

    Raises:
        jsonschema.ValidationError: It does not agree with `registry.schema.json`: a fault of the
            program.
    """
    checkpoints = {name: entries[name].facts for name in sorted(entries)}
    content = {"schema": SCHEMA, "checkpoints": checkpoints}
    _validator().validate(content)
    write_json(path, content)


def _default() -> Path:
    given = os.environ.get("DLHEIR_REGISTRY")
    if given:
        return Path(given).expanduser()
    inside = Path(str(files("dlheir")))
    clone = inside.parent / "checkpoints" / FILE
    return clone if clone.is_file() else inside / "_checkpoints" / FILE


@cache
def _validator() -> jsonschema.Draft202012Validator:
    text = files("dlheir").joinpath("checkpoints/registry.schema.json").read_text(encoding="utf-8")
    return jsonschema.Draft202012Validator(json.loads(text))
