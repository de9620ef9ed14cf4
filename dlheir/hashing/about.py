"""What an exported file says about itself, so that it can be used without its checkpoint."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dlheir.errors import InputError
from dlheir.models import PictureTransform

SCHEMA = 1
KEY = "dlheir"  # of the entry in the file's metadata


@dataclass(frozen=True)
class About:
    """An exported network's description.

    Attributes:
        network: `HashingNetwork.settings`.
        transform: how a picture becomes the levels that the file takes.
        checkpoint_sha256: hexadecimal SHA-256 of the checkpoint that it was exported from.
        precision: of its arithmetic, "fp32" or "int8".
        tolerance: by how much its activations may differ from PyTorch's; None where no bound holds.
    """

    network: dict[str, Any]
    transform: PictureTransform
    checkpoint_sha256: str
    precision: str
    tolerance: float | None

    @property
    def bits(self) -> int:
        """Code length."""
        return int(self.network["bits"])

    def to_json(self) -> str:
        """One line with sorted keys: the same description has the same bytes."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str | None, path: Path) -> "About":
        """Read what `to_json` wrote.

        Args:
            text: The file's metadata under `KEY`, None if there is none.
            path: The file, for the message.

        Raises:
            InputError: It is another program's file, or of another version of this one.
        """
        try:
            facts = json.loads(text or "")
            if facts.pop("schema") != SCHEMA:
                raise ValueError("another schema")
            transform = facts.pop("transform")
            mean, std = tuple(transform.pop("mean")), tuple(transform.pop("std"))
            about = cls(**facts, transform=PictureTransform(mean=mean, std=std, **transform))
            if about.bits < 1:
                raise ValueError("no bits")
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError(
                f"{path}: was not exported by this version of dlheir; make the file anew with "
                "`dlheir checkpoints export`"
            ) from error
        return about
