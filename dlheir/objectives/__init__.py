"""Training objectives, one file each."""

from dlheir.objectives import cross_entropy  # noqa: F401  registers itself
from dlheir.objectives.registry import (
    Objective,
    get_objective,
    list_objectives,
    register_objective,
)

__all__ = ["Objective", "get_objective", "list_objectives", "register_objective"]
