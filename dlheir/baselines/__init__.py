"""The systems that the paper compares with, and yardsticks, with the three roles of the zoo's."""

from dlheir.baselines import (  # noqa: F401  they register themselves
    hsv_histogram,
    imagenet_itq,
    qin,
    xia,
)
from dlheir.baselines.registry import get_system, list_systems, register_system
from dlheir.baselines.system import NO_ANSWER, Answers, Features, ServerIndex, System

__all__ = [
    "NO_ANSWER",
    "Answers",
    "Features",
    "ServerIndex",
    "System",
    "get_system",
    "list_systems",
    "register_system",
]
