"""A registry with a real checkpoint under a name."""

import shutil
from pathlib import Path

from made_registry import made_entry, made_registry


def registered(folder: Path, name: str, file: Path) -> Path:
    """Put a copy of a published file under a name into a new registry; return its path."""
    (folder / name).mkdir(parents=True)
    shutil.copy(file, folder / name / "model.safetensors")
    return made_registry(folder / "registry.json", made_entry(file.read_bytes(), name)).path
