"""By which code a run was made, over all sessions of a run that was interrupted."""

from typing import Any

from pytorch_lightning import Callback

from dlheir.code_version import code_sha256
from dlheir.files import sha256_of


class CodeVersion(Callback):
    """Remembers in each checkpoint the versions of the code that worked on it."""

    def __init__(self) -> None:
        self._versions = {code_sha256()}

    @property
    def sha256(self) -> str:
        """The version's hash; where there were several, one that is no version's."""
        first, *others = sorted(self._versions)
        return sha256_of([first, *others]) if others else first

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint remembers."""
        return {"versions": sorted(self._versions)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Add the versions of earlier sessions."""
        self._versions |= set(state_dict["versions"])
