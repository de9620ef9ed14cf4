"""The baselines by name."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from dlheir.baselines.system import System
from dlheir.errors import InputError

_SYSTEMS: dict[str, type[System[Any]]] = {}

Class = TypeVar("Class", bound=type[System[Any]])


def register_system(name: str) -> Callable[[Class], Class]:
    """Make a system one of `list_systems()`.

    Its constructor's arguments, but `seed`, become the options of `get_system`.
    """

    def register(system: Class) -> Class:
        system.name = name
        _SYSTEMS[name] = system
        return system

    return register


def list_systems() -> list[str]:
    """Names of all baselines, sorted."""
    return sorted(_SYSTEMS)


def get_system(name: str, *, seed: int | None = None, **options: Any) -> System[Any]:
    """Make a baseline with fresh keys.

    Args:
        name: One of `list_systems()`.
        seed: Draws everything that is random, keys included, so that an experiment can be
            repeated; null draws from the operating system, as a real owner would.
        **options: Of this system.

    Raises:
        InputError: The name or an option is unknown or not allowed, or an extra is not installed.
    """
    if name not in _SYSTEMS:
        raise InputError(f"unknown baseline {name!r}; there are {', '.join(list_systems())}")
    system = _SYSTEMS[name]
    known = set(inspect.signature(system).parameters) - {"seed"}
    for option in options:
        if option not in known:
            taken = ", ".join(sorted(known)) or "no options"
            raise InputError(f"baseline {name!r} takes no {option!r}; it takes {taken}")
    return system(seed=seed, **options)
