"""A parameter's possible values."""

from collections import Counter

import numpy as np
import pytest

from dlheir.errors import InputError
from dlheir.sweep.distributions import read_parameter

# Quantiles at 0.13, 0.47 and 0.88, and the type of a value, by W&B's own package (sweeps 0.3.0).
QUANTILES = [
    ({"min": 1, "max": 9}, [2, 5, 8], int),
    ({"min": -1.0, "max": 3.0}, [-0.48, 0.88, 2.52], float),
    ({"distribution": "uniform", "min": -1, "max": 3}, [-0.48, 0.88, 2.52], float),
    ({"distribution": "q_uniform", "min": 0, "max": 10, "q": 2}, [2, 4, 8], int),
    ({"distribution": "q_uniform", "min": 0, "max": 1, "q": 0.25}, [0.25, 0.5, 1], float),
    ({"distribution": "q_uniform", "min": 0, "max": 10}, [1, 5, 9], float),
    ({"distribution": "log_uniform", "min": -4, "max": 2}, [0.039955, 0.307279, 3.59664], float),
    (
        {"distribution": "log_uniform_values", "min": 0.0001, "max": 0.1},
        [0.000245, 0.00257, 0.043652],
        float,
    ),
    ({"distribution": "inv_log_uniform", "min": -4, "max": 2}, [0.29523, 2.2705, 26.5758], float),
    (
        {"distribution": "inv_log_uniform_values", "min": 0.0001, "max": 0.1},
        [0.000245, 0.00257, 0.043652],
        float,
    ),
    ({"distribution": "q_log_uniform", "min": 0, "max": 5, "q": 3}, [3, 9, 81], int),
    ({"distribution": "q_log_uniform_values", "min": 8, "max": 512, "q": 8}, [16, 56, 312], int),
    ({"distribution": "normal", "mu": 5, "sigma": 2}, [2.747218, 4.84946, 7.349974], float),
    ({"distribution": "normal"}, [-1.126391, -0.07527, 1.174987], float),
    ({"distribution": "q_normal", "mu": 50, "sigma": 20, "q": 5}, [25, 50, 75], int),
    ({"distribution": "log_normal", "mu": 1, "sigma": 0.5}, [1.547753, 2.617881, 4.891473], float),
    ({"distribution": "q_log_normal", "mu": 3, "sigma": 0.5, "q": 2}, [12, 20, 36], int),
    ({"distribution": "beta", "a": 2, "b": 5}, [0.10783, 0.25166, 0.489031], float),
    ({"distribution": "q_beta", "a": 2, "b": 5, "q": 0.1}, [0.1, 0.3, 0.5], float),
]


def drawn(settings, count, seed=0):
    parameter, rng = read_parameter("x", settings), np.random.default_rng(seed)
    return [parameter.draw(rng) for _ in range(count)]


@pytest.mark.parametrize(("settings", "quantiles", "kind"), QUANTILES)
def test_draws_are_distributed_as_by_wandb(settings, quantiles, kind):
    values = drawn(settings, 20_000)
    assert {type(value) for value in values} == {kind}
    values = np.round(values, 6)  # 3 * 0.1
    for share, quantile in zip((0.13, 0.47, 0.88), quantiles, strict=True):
        # Of whole numbers many are equal to the quantile.
        assert (values < quantile).mean() - 0.012 < share < (values <= quantile).mean() + 0.012


def test_integers_between_bounds_that_both_count():
    counts = Counter(drawn({"min": 2, "max": 4}, 3000))
    assert set(counts) == {2, 3, 4}
    assert min(counts.values()) > 900


def test_values_are_drawn_alike_or_by_their_probabilities():
    alike = Counter(drawn({"values": ["a", "b"]}, 2000))
    assert abs(alike["a"] - 1000) < 100
    settings = {"values": ["a", "b", "c"], "probabilities": [0.2, 0.8, 0]}
    weighted = Counter(drawn(settings, 2000))
    assert abs(weighted["a"] - 400) < 80
    assert weighted["c"] == 0


def test_values_keep_their_types():
    values = [3, 0.5, True, "max", [1, 2], {"flip": True}]
    assert {repr(value) for value in drawn({"values": values}, 200)} == set(map(repr, values))


@pytest.mark.parametrize(
    ("settings", "values"),
    [
        ({"value": 12}, [12]),
        ({"value": [1, 2], "distribution": "constant"}, [[1, 2]]),
        ({"values": [24, 12]}, [24, 12]),
        ({"values": ["a"], "distribution": "categorical"}, ["a"]),
        ({"values": [1, True, "1", 2, 1]}, [1, True, "1", 2]),
        ({"values": [1, 2, 1.0]}, [1.0, 2]),  # as W&B: the same cell, and the last one's text
        ({"min": 0, "max": 3}, [0, 1, 2, 3]),
        # As W&B, and unlike int_uniform: without the upper bound.
        ({"distribution": "q_uniform", "min": 0, "max": 1, "q": 0.25}, [0.0, 0.25, 0.5, 0.75]),
    ],
)
def test_what_a_grid_takes(settings, values):
    parameter = read_parameter("x", settings)
    assert list(map(repr, parameter.values())) == list(map(repr, values))
    assert parameter.varies == (len(values) > 1)


@pytest.mark.parametrize(
    "settings",
    [
        {"values": [1, 2], "probabilities": [0.5, 0.5]},
        {"min": 0.0, "max": 1.0},
        {"distribution": "normal"},
    ],
)
def test_what_a_grid_cannot_take(settings):
    parameter = read_parameter("x", settings)
    assert parameter.values is None
    assert parameter.varies


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (12, "write {value: VALUE}"),
        ({}, "no values"),
        ({"min": 1}, "no values"),
        ({"min": 1, "max": 2.0}, "write them alike"),
        ({"parameters": {"y": {"value": 1}}}, "write dotted names, such as model.bits.NAME"),
        ({"values": []}, "at least one value"),
        ({"values": 12}, "give a list"),
        ({"values": [1, None]}, "null would reach the command as the word None"),
        ({"value": {"a": [None]}}, "null would reach the command as the word None"),
        ({"value": float("nan")}, "no number, text, list or mapping"),
        ({"value": object()}, "no number, text, list or mapping"),
        ({"value": 1, "values": [1]}, "values is not a setting of a distribution constant"),
        ({"values": [1], "min": 1}, "min is not a setting"),
        ({"values": [1, 2], "probabilities": [1]}, "give one for each value"),
        ({"values": [1, 2], "probabilities": [0.5, 0.6]}, "sum to 1"),
        ({"values": [1, 2], "probabilities": [-1, 2]}, "must not be negative"),
        ({"values": [1, 2], "probabilities": ["a", 1]}, "a probability is 'a'"),
        # W&B has a name of its own for it.
        (
            {"distribution": "categorical", "values": [1], "probabilities": [1]},
            "probabilities is not a setting of a distribution categorical",
        ),
        ({"distribution": "gauss"}, "unknown distribution 'gauss'; there are constant, categor"),
        ({"distribution": ["normal"]}, "unknown distribution ['normal']"),
        ({"distribution": "uniform", "min": 1}, "max is missing"),
        ({"distribution": "normal", "min": 1}, "min is not a setting"),
        ({"distribution": "uniform", "min": 1, "max": 1}, "min 1 is not less than max 1"),
        ({"distribution": "uniform", "min": "1e-5", "max": 1}, "write 1.0e-5"),
        ({"distribution": "uniform", "min": True, "max": 2}, "min is True; give a number"),
        ({"distribution": "uniform", "min": 0, "max": float("inf")}, "max is inf"),
        ({"distribution": "int_uniform", "min": 0.5, "max": 2}, "give a whole number"),
        ({"distribution": "log_uniform_values", "min": 0, "max": 1}, "it must be above 0"),
        (
            {"distribution": "log_uniform", "min": 1, "max": 1000},
            "log_uniform takes exponents of e; give them, or use log_uniform_values",
        ),
        ({"distribution": "q_uniform", "min": 0, "max": 1, "q": 0}, "q is 0; it must be above 0"),
        ({"distribution": "beta", "a": 0}, "a is 0; it must be above 0"),
        ({"distribution": "normal", "sigma": -1}, "sigma is -1; it must not be negative"),
    ],
)
def test_what_is_refused(settings, says):
    with pytest.raises(InputError) as caught:
        read_parameter("model.bits", settings)
    message = str(caught.value)
    assert message.startswith("model.bits")
    assert says in message
    assert "\n" not in message
