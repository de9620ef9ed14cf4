"""Objectives, one file each: trained ones, and closed forms that need no training."""

from dlheir.objectives import (  # noqa: F401  they register themselves
    cross_entropy,
    csq,
    dpn,
    dpsh,
    dsh,
    greedyhash,
    hashnet,
    itq,
    orthohash,
    predicted_class,
    random_projection,
)
from dlheir.objectives.centres import hash_centres
from dlheir.objectives.registry import (
    Classifier,
    ClosedForm,
    Method,
    Objective,
    get_objective,
    list_objectives,
    objective_class,
    register_objective,
)

__all__ = [
    "Classifier",
    "ClosedForm",
    "Method",
    "Objective",
    "get_objective",
    "hash_centres",
    "list_objectives",
    "objective_class",
    "register_objective",
]
