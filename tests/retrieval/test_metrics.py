"""Ranking metrics against hand-computed values, all orders of ties, and a slow implementation."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labelled_sets import at_distances, orders_of_ties, random_set, sets

import dlheir.retrieval.pairs as pairs
from dlheir.errors import InputError
from dlheir.retrieval import (
    DistanceHistograms,
    distance_histograms,
    evaluate,
    expected_map,
    expected_precision,
    precision_ceiling,
    served_precision,
)

KS = (1, 2, 3, 5, 8)


def one_query(distances, relevant, ks=KS, bits=6):
    """Evaluate one query of class 1 against pictures at these distances."""
    return evaluate([[0] * bits], [1], at_distances(distances, bits), np.array(relevant, int), ks)


def average_precision(ranked):
    hits, total = 0, Fraction(0)
    for place, relevant in enumerate(ranked, start=1):
        hits += relevant
        total += Fraction(hits, place) if relevant else 0
    return total / hits if hits else Fraction(0)


def mean_over_orders(distances, relevant, ks):
    orders = [[relevant[row] for row in order] for order in orders_of_ties(distances)]
    precision = {str(k): sum(Fraction(sum(o[:k]), k) for o in orders) / len(orders) for k in ks}
    return precision, sum(map(average_precision, orders)) / len(orders)


def slow_evaluate(queries, query_labels, database, database_labels, ks):
    """Independent of the package: one query at a time, one item at a time."""
    served, expected, ceiling, maps = [], [], [], []
    for code, label in zip(queries, query_labels, strict=True):
        distances = [int((code != row).sum()) for row in database]
        relevant = [bool(label == other) for other in database_labels]
        order = sorted(range(len(database)), key=lambda row: (distances[row], row))
        served.append([sum(relevant[row] for row in order[:k]) / k for k in ks])
        ceiling.append([min(k, sum(relevant)) / k for k in ks])
        # Probability of a place being relevant: its group's share.
        share, before, ap = [], [0, 0], 0.0
        for at in sorted(set(distances)):
            n = distances.count(at)
            r = sum(rel for rel, d in zip(relevant, distances, strict=True) if d == at)
            for i in range(1, n + 1):
                share.append(r / n)
                others = (i - 1) * (r - 1) / (n - 1) if n > 1 else 0
                ap += r / n * (before[1] + 1 + others) / (before[0] + i)
            before = [before[0] + n, before[1] + r]
        expected.append([sum(share[:k]) / k for k in ks])
        if any(relevant):
            maps.append(ap / sum(relevant))
    names = [str(k) for k in ks]
    return {
        "precision": dict(zip(names, np.mean(served, axis=0), strict=True)),
        "expected_precision": dict(zip(names, np.mean(expected, axis=0), strict=True)),
        "precision_ceiling": dict(zip(names, np.mean(ceiling, axis=0), strict=True)),
        "expected_map": np.mean(maps) if maps else 0.0,
    }


def assert_same(result, expected, tolerance=1e-12):
    for name, values in expected.items():
        assert result[name] == pytest.approx(values, abs=tolerance, rel=0), name


def test_values_worked_out_by_hand_without_ties():
    result = one_query([0, 1, 2, 3], [1, 0, 1, 0], ks=(1, 2, 3, 4))
    by_hand = {"1": 1.0, "2": 0.5, "3": 2 / 3, "4": 0.5}
    assert result["precision"] == pytest.approx(by_hand)
    assert result["expected_precision"] == pytest.approx(by_hand)
    assert result["precision_ceiling"] == pytest.approx({"1": 1.0, "2": 1.0, "3": 2 / 3, "4": 0.5})
    assert result["expected_map"] == pytest.approx((1 + 2 / 3) / 2)


def test_values_worked_out_by_hand_with_ties():
    # Two at distance 1, of which one is relevant and stands second; then a relevant one.
    result = one_query([1, 1, 3], [0, 1, 1], ks=(1, 2))
    assert result["precision"] == pytest.approx({"1": 0.0, "2": 0.5})
    assert result["expected_precision"] == pytest.approx({"1": 0.5, "2": 0.5})
    # First: (1 + 2/3) / 2, second: (1/2 + 2/3) / 2; their mean:
    assert result["expected_map"] == pytest.approx((5 / 6 + 7 / 12) / 2)


def test_k_beyond_the_database_still_divides_by_k():
    result = one_query([0, 1], [1, 1], ks=(8,))
    assert result["precision"] == result["expected_precision"] == {"8": 0.25}
    assert result["precision_ceiling"] == {"8": 0.25}


def test_few_relevant_pictures_bound_precision_by_the_ceiling():
    result = one_query([0, 1, 2, 3], [1, 0, 0, 0], ks=(4,))
    assert result["precision"] == result["precision_ceiling"] == {"4": 0.25}  # not 1/1


def test_queries_without_a_relevant_picture_count_in_precision_but_not_in_map():
    database, labels = at_distances([0, 1], 6), [1, 0]
    both = evaluate(np.zeros((2, 6), int), [1, 7], database, labels, (1,))
    assert both["precision"] == {"1": 0.5}
    assert both["expected_map"] == 1.0
    none = evaluate(np.zeros((1, 6), int), [7], database, labels, (1,))
    assert none["expected_map"] == 0.0


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_expectations_are_means_over_every_order_of_ties(size):
    for distances in product(range(3), repeat=size):
        if list(distances) != sorted(distances):
            continue  # the order of the rows plays no part in an expectation
        for relevant in product((0, 1), repeat=size):
            precision, ap = mean_over_orders(distances, relevant, KS)
            result = one_query(distances, relevant)
            assert result["expected_precision"] == pytest.approx(precision, abs=1e-12)
            assert result["expected_map"] == pytest.approx(float(ap), abs=1e-12)


@pytest.mark.parametrize("distances", [[2] * 6, [0, 2, 2, 2, 2, 2], [1, 1, 1, 4, 4, 4]])
def test_expectations_of_six_are_means_over_every_order_of_ties(distances):
    for relevant in product((0, 1), repeat=6):
        precision, ap = mean_over_orders(distances, relevant, KS)
        result = one_query(distances, relevant)
        assert result["expected_precision"] == pytest.approx(precision, abs=1e-12)
        assert result["expected_map"] == pytest.approx(float(ap), abs=1e-12)


@pytest.mark.parametrize("bits", [4, 12, 32, 48, 100])
def test_evaluate_agrees_with_a_slow_implementation(bits):
    data = random_set(bits, 25, 300, bits, 12)
    ks = (1, 20, 100, 299, 500)
    assert_same(evaluate(*data, ks), slow_evaluate(*data, ks))


def test_many_chunks_give_what_one_gives(monkeypatch):
    data = random_set(1, 50, 40, 24, 3)
    whole = distance_histograms(*data)
    monkeypatch.setattr(pairs, "_PAIRS_AT_ONCE", 7 * 40)
    for part, expected in zip(distance_histograms(*data), whole, strict=True):
        assert np.array_equal(part, expected)


def test_histograms_count_every_pair_once():
    queries, query_labels, database, labels = random_set(2, 9, 50, 70, 4)
    total, relevant = distance_histograms(queries, query_labels, database, labels)
    distances = (queries[:, None] != database).sum(axis=2)
    same = query_labels[:, None] == labels
    assert total.shape == relevant.shape == (9, 71)
    for query in range(9):
        assert np.array_equal(total[query], np.bincount(distances[query], minlength=71))
        nearby = distances[query][same[query]]
        assert np.array_equal(relevant[query], np.bincount(nearby, minlength=71))


@pytest.mark.parametrize("bits", [1, 32, 33, 64, 65, 127, 128, 255, 256])
def test_histograms_hold_both_ends_of_a_code_at_every_width(bits):
    # Two of each code; from no bit to all bits, as the widths of words and counters change there.
    database = np.repeat([[0] * bits, [1] * bits], 2, axis=0)
    total, relevant = distance_histograms(database[1:3], [1, 1], database, [1, 0, 1, 1])
    expected = np.zeros((2, 2, bits + 1), int)
    expected[:, :, [0, bits]] = [[[2, 2], [2, 2]], [[1, 2], [2, 1]]]
    assert np.array_equal([total, relevant], expected)


@given(sets(), st.integers(1, 80))
@settings(max_examples=60, deadline=None)
def test_histograms_agree_with_counting_one_by_one(data, at_once):
    queries, query_labels, database, labels = data
    shape = len(queries), queries.shape[1] + 1
    expected = {"total": np.zeros(shape, int), "relevant": np.zeros(shape, int)}
    for query, row in product(range(len(queries)), range(len(database))):
        distance = sum(int(a) != int(b) for a, b in zip(queries[query], database[row], strict=True))
        expected["total"][query, distance] += 1
        expected["relevant"][query, distance] += query_labels[query] == labels[row]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs, "_PAIRS_AT_ONCE", at_once)
        found = distance_histograms(*data)
    for name, counts in expected.items():
        assert np.array_equal(getattr(found, name), counts), name


def test_expected_map_stays_exact_far_down_a_ranking():
    # One relevant picture at the very end, in a group of two behind a million others.
    before = 1_000_000
    histograms = DistanceHistograms(np.array([[before, 2]]), np.array([[0, 1]]))
    expected = (1 / (before + 1) + 1 / (before + 2)) / 2
    assert expected_map(histograms) == pytest.approx(expected, rel=1e-6)


@given(sets())
@settings(max_examples=80, deadline=None)
def test_precision_lies_between_zero_and_the_ceiling(data):
    result = evaluate(*data, KS)
    for k in map(str, KS):
        ceiling = result["precision_ceiling"][k] + 1e-12
        assert 0 <= result["precision"][k] <= ceiling <= 1 + 1e-12
        assert 0 <= result["expected_precision"][k] <= ceiling
    assert 0 <= result["expected_map"] <= 1 + 1e-12


@given(sets(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_expectations_do_not_depend_on_the_order_of_the_database(data, random):
    queries, query_labels, database, labels = data
    order = random.sample(range(len(database)), len(database))
    moved = evaluate(queries, query_labels, database[order], labels[order], KS)
    result = evaluate(*data, KS)
    assert moved.pop("precision_recall") == result.pop("precision_recall")
    for name in ("precision", "map"):
        del moved[name], result[name]
    assert_same(moved, result)


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_without_ties_the_expected_precision_is_the_served_one(relevant):
    result = one_query(list(range(len(relevant))), relevant, bits=30)
    assert result["expected_precision"] == pytest.approx(result["precision"])
    assert result["expected_map"] == pytest.approx(float(average_precision(relevant)))


@given(sets())
@settings(max_examples=40, deadline=None)
def test_served_precision_over_random_orders_tends_to_the_expected_one(data):
    queries, query_labels, database, labels = data
    k, rng = 3, np.random.default_rng(0)
    served = []
    for _ in range(200):
        order = rng.permutation(len(database))
        result = evaluate(queries, query_labels, database[order], labels[order], (k,))
        served.append(result["precision"][str(k)])
    assert np.mean(served) == pytest.approx(result["expected_precision"][str(k)], abs=0.12)


def test_a_perfect_code_reaches_the_ceiling():
    labels = np.repeat(np.arange(4), 5)
    codes = np.eye(4, dtype=np.uint8)[labels]
    result = evaluate(codes, labels, codes, labels, (5, 10))
    assert result["precision"] == result["precision_ceiling"] == {"5": 1.0, "10": 0.5}
    assert result["expected_map"] == pytest.approx(1.0)


def test_the_result_is_plain_and_keyed_as_results_json_is():
    result = evaluate(*random_set(0, 3, 200, 12, 2))
    assert list(result) == ["precision", "expected_precision", "precision_ceiling", "expected_map",
                            "map", "hamming_radius_2", "precision_recall"]  # fmt: skip
    assert list(result["precision"]) == ["20", "40", "60", "80", "100"]
    assert list(result["map"]) == ["100", "all"]
    assert list(result["hamming_radius_2"]) == ["precision", "recall", "empty"]
    assert list(result["precision_recall"]) == ["precision", "recall"]
    assert type(result["expected_map"]) is float
    for name in ("precision", "expected_precision", "precision_ceiling", "map", "hamming_radius_2"):
        assert {type(value) for value in result[name].values()} == {float}
    for values in result["precision_recall"].values():
        assert len(values) == 12 + 1
        assert {type(value) for value in values} == {float}


CODES, LABELS = np.zeros((3, 12), np.uint8), np.zeros(3, int)


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda: evaluate(CODES[:0], LABELS[:0], CODES, LABELS), "query codes"),
        (lambda: evaluate(CODES, LABELS, CODES[:0], LABELS[:0]), "database codes"),
        (lambda: evaluate(CODES, LABELS[:2], CODES, LABELS), "query labels"),
        (lambda: evaluate(CODES, LABELS, CODES, np.zeros((3, 1), int)), "database labels"),
        (lambda: evaluate(CODES, LABELS, CODES, LABELS + 0.5), "database labels"),
        (lambda: evaluate(CODES[:, :6], LABELS, CODES, LABELS), "6 bits, expected 12"),
        (lambda: evaluate(CODES + 2, LABELS, CODES, LABELS), "0 and 1"),
        (lambda: evaluate(CODES, LABELS, CODES, LABELS, ks=()), "ks"),
        (lambda: evaluate(CODES, LABELS, CODES, LABELS, ks=(0,)), "ks"),
        (lambda: evaluate(CODES, LABELS, CODES, LABELS, ks=(1.5,)), "ks"),
        (lambda: served_precision(np.zeros((0, 5), bool), (1,)), "relevant_ranked"),
        (lambda: served_precision(np.zeros(5, bool), (1,)), "relevant_ranked"),
        (lambda: served_precision(np.zeros((1, 5), bool), (0,)), "ks"),
        (lambda: expected_precision(DistanceHistograms(LABELS, LABELS), (0,)), "ks"),
        (lambda: precision_ceiling(DistanceHistograms(LABELS, LABELS), ()), "ks"),
    ],
)
def test_wrong_input_is_refused_in_one_line(call, what):
    with pytest.raises(InputError, match=what) as error:
        call()
    assert "\n" not in str(error.value)
