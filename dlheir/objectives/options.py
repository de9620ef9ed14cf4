"""Checking the options of objectives."""

import math
from typing import Any

from dlheir.errors import InputError


def check_weight(name: str, value: Any) -> float:
    """A number of at least 0."""
    if not _is_number(value) or value < 0:
        raise InputError(f"{name} is {value}; it must be a number of at least 0")
    return float(value)


def check_positive(name: str, value: Any) -> float:
    """A number above 0."""
    if not _is_number(value) or value <= 0:
        raise InputError(f"{name} is {value}; it must be a number above 0")
    return float(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
