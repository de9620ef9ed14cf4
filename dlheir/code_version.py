"""Which code made a run: one hash over the part of this package that runs use."""

import hashlib
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
SUFFIXES = {".py", ".json"}
# Files and folders: what only hands over the arguments, and what no run imports.
NOT_OF_A_RUN = (
    "__main__.py",
    "cli.py",
    "command_group.py",
    "comparison",
    "experiment_files.py",
    "output.py",
    "checkpoints",
    "checkpoint_commands",
    "benchmarks",
    "export",
    "hashing",
    "publishing",
    "report",
    "store_commands",
    "sweep",
)
OF_A_RUN = ("report/__init__.py", "report/paper.py", "report/picture.py")


@cache
def code_sha256() -> str:
    """Hexadecimal SHA-256 over names and content of the files that a run's result can depend on.

    The first call of a process reads them, so a run asks at its start: what it imports is what was
    there then.
    """
    digest = hashlib.sha256()
    for name in code_files():
        content = hashlib.sha256((PACKAGE / name).read_bytes()).hexdigest()
        digest.update(f"{content}  {name}\n".encode())
    return digest.hexdigest()


def code_files() -> list[str]:
    """The files that are hashed, relative to the package and sorted."""
    names = (path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*"))
    return sorted(
        name
        for name in names
        if Path(name).suffix in SUFFIXES and (name in OF_A_RUN or not _left_out(name))
    )


def _left_out(name: str) -> bool:
    return name in NOT_OF_A_RUN or name.split("/", maxsplit=1)[0] in NOT_OF_A_RUN
