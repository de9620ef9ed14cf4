"""The golden pictures, which come with the registry: what exported and published networks hash."""

from importlib.resources import files
from pathlib import Path

from dlheir.errors import WorkError

# By how much activations, which lie in 0 ... 1, may differ. Sums in another order made 1e-6 in
# trained networks and up to 3e-5 in deep ones of random weights; a wrong graph makes a multiple.
TOLERANCE = 1e-4


def golden_pictures() -> list[Path]:
    """The 16 golden pictures of a clone or a wheel, by name.

    Raises:
        WorkError: They are missing.
    """
    inside = Path(str(files("dlheir")))
    for folder in (inside.parent / "checkpoints", inside / "_checkpoints"):
        found = sorted((folder / "golden").glob("*.png"))
        if found:
            return found
    raise WorkError(f"{inside}: its golden pictures are missing; install dlheir again")
