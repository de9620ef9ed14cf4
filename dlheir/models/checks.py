"""Checks of plain arguments, answered in one line."""

from collections.abc import Sequence

from dlheir.errors import InputError


def check_integer(name: str, value: object, low: int, high: int | None = None) -> int:
    """Return `value` if it is an integer in `low` ... `high`, both included.

    Args:
        name: the argument's name, for the message.
        value: what was given; a bool is no integer here.
        low: the smallest allowed value.
        high: the largest allowed value; None for no limit.

    Raises:
        InputError: `value` is no integer or lies outside.
    """
    allowed = f"at least {low}" if high is None else f"in {low} ... {high}"
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    if not is_integer or value < low or (high is not None and value > high):  # type: ignore[operator]
        raise InputError(f"{name} must be an integer {allowed}, not {value!r}")
    return int(value)  # type: ignore[call-overload, no-any-return]


def check_choice(name: str, value: object, choices: Sequence[str]) -> str:
    """Return `value` if it is one of `choices`.

    Raises:
        InputError: it is not; the message names the choices.
    """
    if not isinstance(value, str) or value not in choices:
        raise InputError(f"{name} must be one of {', '.join(choices)}, not {value!r}")
    return value
