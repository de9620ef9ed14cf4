"""Checkpoints that survive a kill: the last state and, with a validation part, the best."""

from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.plugins.io import TorchCheckpointIO

from dlheir.files import written_whole
from dlheir.runs import RunFolder
from dlheir.task import VALIDATION_METRIC


class WholeFileCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its place and then moves it there.

    Lightning's own way goes through the system's folder for temporary files; where that is on
    another disk, the move is a copy that a kill can cut in half.
    """

    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: str | Path,
        storage_options: Any | None = None,  # noqa: ARG002
    ) -> None:
        """Replace the file by a whole new one."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with written_whole(Path(path)) as part, part.open("wb") as file:
            torch.save(checkpoint, file)


class MovableCheckpoint(ModelCheckpoint):
    """Remembers the best score when the run's folder was moved; Lightning would forget it."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take what was remembered for the files of the same names in this folder."""
        moved = {
            **state_dict,
            "dirpath": self.dirpath,
            "best_k_models": {
                self._here(path): score for path, score in state_dict["best_k_models"].items()
            },
        }
        for key in ("best_model_path", "kth_best_model_path", "last_model_path"):
            moved[key] = self._here(state_dict[key])
        super().load_state_dict(moved)

    def _here(self, path: str) -> str:
        return str(Path(str(self.dirpath), Path(path).name)) if path else path


def checkpoint_callbacks(run: RunFolder, *, validated: bool) -> list[ModelCheckpoint]:
    """What saves a run's checkpoints.

    Args:
        run: The run's folder.
        validated: Whether there is a validation part to choose the best state by.

    Returns:
        One callback for the state after each epoch, and one for the best state.
    """
    last = MovableCheckpoint(
        dirpath=run.checkpoints,
        filename=run.last.stem,
        save_on_train_epoch_end=True,
        enable_version_counter=False,
    )
    best = MovableCheckpoint(
        dirpath=run.checkpoints,
        filename=run.best.stem,
        monitor=VALIDATION_METRIC,
        mode="max",
        save_on_train_epoch_end=False,
        enable_version_counter=False,
    )
    # The best comes first, so that the last state knows of it.
    return [best, last] if validated else [last]
