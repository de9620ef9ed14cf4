"""Answers of baselines, kept in the user's cache: in a sweep many runs would compute the same ones.

A baseline's answers follow from its options, the seed, the pictures' content and the code, and not
from the run's network.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from dlheir.code_version import code_sha256
from dlheir.console import console
from dlheir.files import sha256_of, sha256_of_file, user_cache, written_whole
from dlheir.results import installed, versions


@dataclass(frozen=True)
class Answered:
    """What a baseline answered, and what it took.

    Attributes:
        title: What tables call it.
        rows: (Q, k) rows of the database, as the server holds it; negative where there is none.
        seconds: Of learning from the training pictures (`prepare`), extracting the database's
            features (`features`), protecting them and laying them out (`index`), extracting and
            protecting the queries' (`trapdoor`, as the network's TrapGen), and `search`; kept ones
            are of the run that found the answers.
        feature_shape: Of one picture's features.
        compared: Mean share of the pictures that a pre-filter left, in (0, 1].
    """

    title: str
    rows: NDArray[np.int64]
    seconds: dict[str, float]
    feature_shape: list[int]
    compared: float


def kept(asked: Mapping[str, Any], answer: Callable[[], Answered]) -> Answered:
    """Return kept answers, or find them and keep them; another process that does is waited for.

    Where the cache cannot be written, they are found each time.

    Args:
        asked: All that the answers follow from but code and versions, as JSON. A value of
            `options` that names a file stands for its content.
        answer: Finds them.
    """
    path = user_cache() / "baselines" / f"{sha256_of(_all_that_counts(asked))}.npz"
    lock = FileLock(path.with_suffix(".lock"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except Timeout:
        console.print(f"Baseline {asked['name']}: another run is at it; waiting for its answers")
        lock.acquire()
    except OSError:
        return answer()
    try:
        found = _read(path)
        if found is None:
            found = answer()
            with suppress(OSError):
                _write(path, found)
    finally:
        lock.release()
    return found


def _all_that_counts(asked: Mapping[str, Any]) -> dict[str, Any]:
    of_files = {
        name: sha256_of_file(Path(value))
        for name, value in asked["options"].items()
        if isinstance(value, str) and Path(value).is_file()
    }
    packages = versions() | installed(["opencv-python-headless"])
    return {**asked, "files": of_files, "code": code_sha256(), "versions": packages}


def _read(path: Path) -> Answered | None:
    """Read kept answers; None where there are none, or damaged ones."""
    try:
        with np.load(path) as file:
            return Answered(rows=file["rows"], **json.loads(str(file["about"])))
    except Exception:  # numpy and zipfile raise whatever they stumble on
        return None


def _write(path: Path, answered: Answered) -> None:
    about = asdict(answered)
    rows = about.pop("rows")
    with written_whole(path) as part, part.open("wb") as file:
        np.savez(file, rows=rows, about=json.dumps(about))
