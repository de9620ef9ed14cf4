"""A run's folder: its name, its files and its state."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlheir.files import sha256_of

# What says where or how fast a run goes, not what comes out of it.
_CIRCUMSTANCES = {
    "model": {"backbone_weights", "cache_features", "channels_last", "compile"},
    "data": {"cache_pictures", "download", "root", "split", "workers"},
    "trainer": {
        "accelerator",
        "barebones",
        "default_root_dir",
        "devices",
        "enable_autolog_hparams",
        "enable_checkpointing",
        "enable_model_summary",
        "enable_progress_bar",
        "log_every_n_steps",
        "logger",
        "model_registry",
        "num_nodes",
        "num_sanity_val_steps",
        "profiler",
        "strategy",
        "use_distributed_sampler",
    },
}


@dataclass(frozen=True)
class RunFolder:
    """`runs/<experiment>/<run id>/` and the files in it."""

    path: Path

    @property
    def run_id(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def config(self) -> Path:
        """The resolved configuration; the folder is a run's once this is there."""
        return self.path / "config.yaml"

    @property
    def split(self) -> Path:
        """Who is searched and who asks."""
        return self.path / "split.json"

    @property
    def metrics(self) -> Path:
        """What training logged, by step."""
        return self.path / "metrics.csv"

    @property
    def codes(self) -> Path:
        """Codes of database and queries."""
        return self.path / "codes.npz"

    @property
    def results(self) -> Path:
        """Written last, and whole: a run that has it is finished."""
        return self.path / "results.json"

    @property
    def picture(self) -> Path:
        """Queries, what the server sees of the answers, and the decrypted answers."""
        return self.path / "retrieval.png"

    @property
    def store(self) -> Path:
        """The cloud server's side."""
        return self.path / "store.sqlite"

    @property
    def checkpoints(self) -> Path:
        """Folder of `last.ckpt` and, where there is a validation part, `best.ckpt`."""
        return self.path / "checkpoints"

    @property
    def last(self) -> Path:
        """The state after the last whole epoch."""
        return self.checkpoints / "last.ckpt"

    @property
    def best(self) -> Path:
        """The state that did best on the validation part."""
        return self.checkpoints / "best.ckpt"

    @property
    def lock(self) -> Path:
        """There while a process is at work in the folder."""
        return self.path / ".lock"

    @property
    def attempts(self) -> Path:
        """What became of each attempt of a sweep to make this run; beside the folder."""
        return self.path.parent / "attempts" / f"{self.run_id}.json"

    @property
    def log(self) -> Path:
        """What all attempts of a sweep printed."""
        return self.attempts.with_suffix(".log")

    @property
    def finished(self) -> bool:
        """Whether the run came to its end."""
        return self.results.is_file()

    @property
    def begun(self) -> bool:
        """Whether a run was begun here."""
        return self.config.is_file()


def run_id(config: dict[str, Any], content: dict[str, Any]) -> str:
    """Name a run after what decides its result.

    Args:
        config: The resolved configuration with sections `model`, `data` and `trainer` and with
            `seed_everything`.
        content: Hashes of what the configuration only points to: split, pictures, weights.

    Returns:
        `<model>-<bits>b-<size>px-s<seed>-<hash8>`, with `timm-` for `timm/`. The hash covers every
        setting but those that say where or how fast the run goes, so a new setting counts unless it
        is listed there.
    """
    decisive = decisive_settings(config)
    model, data = decisive["model"], decisive["data"]
    digest = sha256_of({**decisive, "seed": config["seed_everything"], "content": content})
    return (
        f"{model['name'].replace('/', '-')}-{model['bits']}b-{data['image_size']}px"
        f"-s{config['seed_everything']}-{digest[:8]}"
    )


def decisive_settings(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The sections `model`, `data` and `trainer`, less what says where or how fast a run goes."""
    return {
        section: {k: v for k, v in config[section].items() if k not in circumstances}
        for section, circumstances in _CIRCUMSTANCES.items()
    }


def git_commit() -> str | None:
    """The code's commit, with `-dirty` where files have changed since; None outside a clone.

    What lies in `checkpoints/` is no code, and publishing changes it.
    """
    here = Path(__file__).resolve().parent
    git = ["git", "--no-optional-locks", "-C", str(here)]
    try:
        top = _output([*git, "rev-parse", "--show-toplevel"])
        if Path(top) != here.parent:  # installed into some other project's environment
            return None
        code = [":/", ":(top,exclude)checkpoints"]
        changed = _output([*git, "status", "--porcelain", "--untracked-files=no", "--", *code])
        return _output([*git, "rev-parse", "HEAD"]) + ("-dirty" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _output(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
