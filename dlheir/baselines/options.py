"""Checks of baselines' options, answered in one line."""

from dlheir.errors import InputError


def whole_number(name: str, value: object, low: int, high: int) -> int:
    """Return an option that must be a whole number from `low` to `high`, both included.

    Raises:
        InputError: It is none, or out of range.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InputError(f"{name} is {value!r}; it must be a whole number from {low} to {high}")
    return value
