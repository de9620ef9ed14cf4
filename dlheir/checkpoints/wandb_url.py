"""Files of W&B artifacts: wandb://ENTITY/PROJECT/ARTIFACT:VERSION/FILE."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dlheir.checkpoints.urls import CHUNK, Opened, one_line
from dlheir.errors import WorkError

_URL = re.compile(r"wandb://([^/]+/[^/]+/[^/:]+:[^/:]+)/(.+)")
# W&B's settings, unless the user has others.
_ENVIRONMENT = {"WANDB_ERROR_REPORTING": "false", "WANDB_SILENT": "true"}


@contextmanager
def opened(url: str, folder: Path) -> Iterator[Opened]:
    """Find a file of an artifact. W&B hands out whole files, and does the trying again.

    Args:
        url: See above.
        folder: Where W&B may put the file.

    Raises:
        WorkError: Nobody is logged in, or there is no such thing.
    """
    parts = _URL.fullmatch(url)
    if parts is None:
        raise WorkError(f"{url}: expected wandb://ENTITY/PROJECT/ARTIFACT:VERSION/FILE")
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import wandb

    if not wandb.login(prompt=False, verify=False):
        raise WorkError(f"{url}: nobody is logged in to W&B; see `wandb login`")
    try:
        entry = wandb.Api().artifact(parts[1]).get_entry(parts[2])
    except Exception as error:  # it has many
        raise WorkError(f"{url} cannot be had from W&B ({one_line(error)})") from error
    yield Opened(0, entry.size, _chunks(url, entry, folder))


def _chunks(url: str, entry: Any, folder: Path) -> Iterator[bytes]:
    with TemporaryDirectory(dir=folder) as temporary:
        try:
            path = Path(entry.download(root=temporary, skip_cache=True))
        except Exception as error:  # it has many
            raise WorkError(f"{url} cannot be had from W&B ({one_line(error)})") from error
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk
