"""A parameter of a sweep: its possible values, in W&B's words."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator

from dlheir.errors import InputError

Settings = Mapping[str, Any]
Draw = Callable[[Generator, Settings], Any]


@dataclass(frozen=True)
class Parameter:
    """One line of a sweep's `parameters`.

    Args:
        distribution: How W&B calls it.
        varies: Whether there is more than one possible value.
        values: Lists what a grid takes, in order and each once; null where a grid cannot.
        draw: Makes one value at random.
    """

    distribution: str
    varies: bool
    values: Callable[[], list[Any]] | None
    draw: Callable[[Generator], Any]


@dataclass(frozen=True)
class _Distribution:
    required: tuple[str, ...]
    draw: Draw
    defaults: Settings


def _bounded(draw: Draw) -> _Distribution:
    return _Distribution(("min", "max"), draw, {})


def _normal(draw: Draw) -> _Distribution:
    return _Distribution((), draw, {"mu": 0.0, "sigma": 1.0})


# Of real numbers. Without `_values`, the bounds are exponents of e.
_CONTINUOUS = {
    "uniform": _bounded(lambda rng, s: rng.uniform(s["min"], s["max"])),
    "log_uniform": _bounded(lambda rng, s: math.exp(rng.uniform(s["min"], s["max"]))),
    "log_uniform_values": _bounded(
        lambda rng, s: math.exp(rng.uniform(math.log(s["min"]), math.log(s["max"])))
    ),
    # log(1/x) is uniform between the bounds, or between the logarithms of their inverses.
    "inv_log_uniform": _bounded(lambda rng, s: math.exp(-rng.uniform(s["min"], s["max"]))),
    "inv_log_uniform_values": _bounded(
        lambda rng, s: math.exp(-rng.uniform(-math.log(s["max"]), -math.log(s["min"])))
    ),
    "normal": _normal(lambda rng, s: rng.normal(s["mu"], s["sigma"])),
    "log_normal": _normal(lambda rng, s: rng.lognormal(s["mu"], s["sigma"])),
    "beta": _Distribution((), lambda rng, s: rng.beta(s["a"], s["b"]), {"a": 1.0, "b": 1.0}),
}
_NOT_QUANTISED = {"inv_log_uniform", "inv_log_uniform_values"}


def _quantised(continuous: _Distribution) -> _Distribution:
    """The same, rounded to multiples of q; whole numbers where q is one."""

    def draw(rng: Generator, settings: Settings) -> float:
        q = settings["q"]
        value = float(np.round(continuous.draw(rng, settings) / q) * q)
        return int(value) if isinstance(q, int) else value

    return _Distribution(continuous.required, draw, {**continuous.defaults, "q": 1.0})


_NUMBERS = (
    {"int_uniform": _bounded(lambda rng, s: rng.integers(s["min"], s["max"], endpoint=True))}
    | _CONTINUOUS
    | {f"q_{n}": _quantised(d) for n, d in _CONTINUOUS.items() if n not in _NOT_QUANTISED}
)
_DISTRIBUTIONS = ("constant", "categorical", "categorical_w_probabilities", *_NUMBERS)


def read_parameter(name: str, settings: Any) -> Parameter:
    """Read one line of a sweep's `parameters`.

    Args:
        name: Of the parameter, for the messages.
        settings: What stands there, such as `{values: [12, 24]}` or `{min: 0.1, max: 0.3}`.

    Raises:
        InputError: W&B would not take it, or would not pass it on as it stands there.
    """
    if not isinstance(settings, dict):
        raise InputError(f"{name} is {settings!r}; write {{value: VALUE}} or {{values: [VALUE]}}")
    if "parameters" in settings:
        raise InputError(f"{name}: nested parameters; write dotted names, such as {name}.NAME")
    distribution = settings.get("distribution") or _meant(name, settings)
    if distribution not in _DISTRIBUTIONS:
        raise InputError(
            f"{name}: unknown distribution {distribution!r}; there are {', '.join(_DISTRIBUTIONS)}"
        )
    given = {key: value for key, value in settings.items() if key != "distribution"}
    if distribution == "constant":
        _check_keys(name, distribution, given, ("value",))
        return _listed(name, distribution, [given["value"]])
    if distribution == "categorical":
        _check_keys(name, distribution, given, ("values",))
        return _listed(name, distribution, given["values"])
    if distribution == "categorical_w_probabilities":
        _check_keys(name, distribution, given, ("values", "probabilities"))
        return _listed(name, distribution, given["values"], given["probabilities"])
    return _numbers(name, distribution, given)


def _meant(name: str, settings: Settings) -> str:
    """The distribution of settings that do not name one."""
    if "value" in settings:
        return "constant"
    if "values" in settings:
        return "categorical_w_probabilities" if "probabilities" in settings else "categorical"
    if {"min", "max"} <= set(settings):
        types = {type(settings["min"]), type(settings["max"])}
        if types == {int}:
            return "int_uniform"
        if types == {float}:
            return "uniform"
        raise InputError(
            f"{name}: min and max are not both whole numbers or both decimal; write them alike, or "
            "give a distribution"
        )
    raise InputError(f"{name}: no values; give value, values, min and max, or a distribution")


def _check_keys(
    name: str,
    distribution: str,
    given: Settings,
    required: tuple[str, ...],
    optional: tuple[str, ...] = (),
) -> None:
    for key in required:
        if key not in given:
            raise InputError(f"{name}: {key} is missing; a distribution {distribution} needs it")
    for key in given:
        if key not in (*required, *optional):
            raise InputError(
                f"{name}: {key} is not a setting of a distribution {distribution}, which has "
                + ", ".join((*required, *optional))
            )


def _listed(name: str, distribution: str, values: Any, probabilities: Any = None) -> Parameter:
    if not isinstance(values, list) or not values:
        raise InputError(f"{name}: values is {values!r}; give a list of at least one value")
    for value in values:
        _check_plain(name, value)
    if probabilities is not None:
        _check_probabilities(name, probabilities, len(values))

    def draw(rng: Generator) -> Any:
        return values[rng.choice(len(values), p=probabilities)]

    # W&B takes 3 and 3.0 for the same and passes on the later one.
    different = list({_compared(value): value for value in values}.values())
    return Parameter(
        distribution,
        varies=len(different) > 1,
        values=None if probabilities else lambda: different,
        draw=draw,
    )


def _numbers(name: str, distribution: str, given: Settings) -> Parameter:
    kind = _NUMBERS[distribution]
    _check_keys(name, distribution, given, kind.required, tuple(kind.defaults))
    settings = {**kind.defaults, **given}
    for key, value in settings.items():
        _check_number(name, key, value, whole=distribution == "int_uniform")
    if "min" in settings and not settings["min"] < settings["max"]:
        raise InputError(f"{name}: min {settings['min']} is not less than max {settings['max']}")
    if distribution.endswith("_values") and not settings["min"] > 0:
        raise InputError(f"{name}: min is {settings['min']}; it must be above 0 for {distribution}")
    if distribution.endswith("log_uniform") and max(abs(settings[k]) for k in ("min", "max")) > 700:
        raise InputError(
            f"{name}: {distribution} takes exponents of e; give them, or use {distribution}_values"
        )
    for key in ("q", "a", "b"):
        if not settings.get(key, 1) > 0:
            raise InputError(f"{name}: {key} is {settings[key]}; it must be above 0")
    if settings.get("sigma", 0) < 0:
        raise InputError(f"{name}: sigma is {settings['sigma']}; it must not be negative")
    return Parameter(
        distribution,
        varies=True,
        values=_steps(distribution, settings),
        draw=lambda rng: np.asarray(kind.draw(rng, settings)).item(),
    )


def _steps(distribution: str, settings: Settings) -> Callable[[], list[Any]] | None:
    """What a grid makes of a range; as in W&B, q_uniform stops before max."""
    if distribution == "int_uniform":
        return lambda: list(range(settings["min"], settings["max"] + 1))
    if distribution == "q_uniform":
        return lambda: list(np.arange(settings["min"], settings["max"], settings["q"]).tolist())
    return None


def _compared(value: Any) -> str:
    """A text that two values share where W&B takes them for the same."""
    whole = isinstance(value, float) and value.is_integer()
    return json.dumps(int(value) if whole else value, sort_keys=True)


def _check_plain(name: str, value: Any) -> None:
    """Refuse what W&B's agent would pass on as something else."""
    if value is None:
        raise InputError(
            f"{name}: null would reach the command as the word None, as with W&B's agent; put the "
            "value in quotes, such as 'null'"
        )
    if isinstance(value, list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            _check_plain(name, part)
    elif not isinstance(value, str) and not _is_number(value):
        raise InputError(f"{name}: {value} is no number, text, list or mapping; put it in quotes")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _check_number(name: str, key: str, value: Any, whole: bool) -> None:
    if isinstance(value, bool) or not _is_number(value) or (whole and isinstance(value, float)):
        expected = "a whole number" if whole else "a number; YAML takes 1e-5 for text, write 1.0e-5"
        raise InputError(f"{name}: {key} is {value!r}; give {expected}")


def _check_probabilities(name: str, probabilities: Any, count: int) -> None:
    if not isinstance(probabilities, list) or len(probabilities) != count:
        raise InputError(f"{name}: probabilities is {probabilities!r}; give one for each value")
    for probability in probabilities:
        _check_number(name, "a probability", probability, whole=False)
    if min(probabilities) < 0 or not math.isclose(sum(probabilities), 1, abs_tol=1e-8):
        raise InputError(f"{name}: probabilities {probabilities} must not be negative and sum to 1")
