"""mAP@k by the field's convention, against hand-computed values and plain loops."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labelled_sets import at_distances, orders_of_ties, random_set, sets

import dlheir.retrieval.pairs as pairs
from dlheir.retrieval import (
    LabelledCodes,
    distance_histograms,
    evaluate,
    expected_map,
    mean_average_precision,
)


def by_loops(queries, query_labels, database, labels, depths):
    """From the definition: one query at a time, one place at a time, in exact arithmetic."""
    names = {str(depth): depth for depth in depths if depth < len(database)}
    sums = dict.fromkeys([*names, "all"], Fraction(0))
    for code, label in zip(queries, query_labels, strict=True):
        distances = [sum(int(a) != int(b) for a, b in zip(code, row, strict=True))
                     for row in database]  # fmt: skip
        order = sorted(range(len(database)), key=lambda row: (distances[row], row))
        for name in sums:
            relevant, total = 0, Fraction(0)
            for place, row in enumerate(order[: names.get(name)], start=1):
                if labels[row] == label:
                    relevant += 1
                    total += Fraction(relevant, place)
            sums[name] += total / relevant if relevant else 0
    return {name: float(total / len(queries)) for name, total in sums.items()}


def one_query(distances, relevant, depths, bits=8):
    codes = LabelledCodes([[0] * bits], [1], at_distances(distances, bits), np.array(relevant, int))
    return mean_average_precision(codes, depths)


def test_values_worked_out_by_hand():
    # Relevant are the places 1, 3 and 5 of 6: 1, 2/3 and 3/5.
    found = one_query([0, 1, 2, 3, 4, 5], [1, 0, 1, 0, 1, 0], (1, 2, 3, 4, 5, 6, 100))
    assert list(found) == ["1", "2", "3", "4", "5", "all"]  # 6 is the whole ranking
    assert found == pytest.approx(
        {
            "1": 1,
            "2": 1,  # divided by the one that was found
            "3": (1 + 2 / 3) / 2,
            "4": (1 + 2 / 3) / 2,
            "5": (1 + 2 / 3 + 3 / 5) / 3,
            "all": (1 + 2 / 3 + 3 / 5) / 3,
        }
    )


def test_ties_rank_by_row():
    assert one_query([1, 1], [1, 0], (1,)) == {"1": 1.0, "all": 1.0}
    assert one_query([1, 1], [0, 1], (1,)) == {"1": 0.0, "all": 0.5}


def test_queries_that_find_nothing_count_zero():
    database, labels = at_distances([0, 1, 2], 6), [1, 7, 1]
    codes = LabelledCodes(np.zeros((3, 6), int), [1, 7, 9], database, labels)
    # Of the second query the relevant one stands in place 2; the third has none.
    assert mean_average_precision(codes, (1,)) == pytest.approx(
        {"1": (1 + 0 + 0) / 3, "all": ((1 + 2 / 3) / 2 + 1 / 2 + 0) / 3}
    )


@pytest.mark.parametrize("bits", [1, 12, 48, 100, 300])
def test_agrees_with_loops(bits):
    data = random_set(bits, 7, 130, bits, 6)
    depths = (1, 2, 10, 129, 130, 1000)
    found = mean_average_precision(LabelledCodes(*data), depths)
    assert found == pytest.approx(by_loops(*data, depths), abs=1e-12)


@given(sets(), st.lists(st.integers(1, 45), max_size=4, unique=True).map(sorted))
@settings(max_examples=60, deadline=None)
def test_agrees_with_loops_where_ties_are_many(data, depths):
    found = mean_average_precision(LabelledCodes(*data), depths)
    assert found == pytest.approx(by_loops(*data, depths), abs=1e-12)


def test_many_chunks_give_what_one_gives(monkeypatch):
    data = random_set(1, 50, 40, 24, 3)
    whole = mean_average_precision(LabelledCodes(*data), (10,))
    monkeypatch.setattr(pairs, "_PAIRS_AT_ONCE", 7 * 40)
    assert mean_average_precision(LabelledCodes(*data), (10,)) == whole


@given(sets(), st.integers(1, 80))
@settings(max_examples=40, deadline=None)
def test_it_is_the_mean_of_each_querys_own(data, at_once):
    queries, query_labels, *stored = data
    alone = [
        mean_average_precision(LabelledCodes(code[None], label[None], *stored), (3,))
        for code, label in zip(queries, query_labels, strict=True)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs, "_PAIRS_AT_ONCE", at_once)
        found = mean_average_precision(LabelledCodes(*data), (3,))
    for name, value in found.items():
        assert value == pytest.approx(np.mean([one[name] for one in alone]), abs=1e-12)


@given(sets())
@settings(max_examples=40, deadline=None)
def test_at_one_it_is_the_precision_of_the_first_answer(data):
    found = mean_average_precision(LabelledCodes(*data), (1,))
    first = evaluate(*data, ks=(1,))["precision"]["1"]
    assert found.get("1", found["all"]) == pytest.approx(first)


@given(st.lists(st.booleans(), min_size=1, max_size=30).filter(any))
def test_without_ties_the_whole_ranking_is_worth_the_expected_map(relevant):
    data = [[0] * 30], [1], at_distances(range(len(relevant)), 30), np.array(relevant, int)
    found = mean_average_precision(LabelledCodes(*data))
    assert found == {"all": pytest.approx(expected_map(distance_histograms(*data)))}


@given(st.lists(st.integers(0, 2), min_size=1, max_size=5).map(sorted), st.integers(1, 31))
@settings(max_examples=60, deadline=None)
def test_expected_map_is_its_mean_over_all_orders_of_ties(distances, mask):
    relevant = [mask >> i & 1 for i in range(len(distances))]
    if not any(relevant):
        return
    orders = [[relevant[row] for row in order] for order in orders_of_ties(distances)]
    found = [one_query(distances, order, ())["all"] for order in orders]
    codes = [[0] * 8], [1], at_distances(distances, 8), np.array(relevant)
    assert np.mean(found) == pytest.approx(expected_map(distance_histograms(*codes)))


@given(sets(), st.integers(1, 39))
@settings(max_examples=60, deadline=None)
def test_nothing_beyond_the_first_k_counts(data, depth):
    queries, query_labels, database, labels = data
    # The same codes again, farther than all others: a new bit in which they alone differ.
    near = np.pad(database, ((0, 0), (0, 9)))
    far = np.pad(database, ((0, 0), (0, 9)), constant_values=1)
    padded = np.pad(queries, ((0, 0), (0, 9)))
    more = LabelledCodes(padded, query_labels, np.vstack((near, far)), np.tile(labels, 2))
    alone = mean_average_precision(LabelledCodes(*data), (depth,))
    if depth < len(database):
        assert mean_average_precision(more, (depth,))[str(depth)] == alone[str(depth)]


@given(sets())
@settings(max_examples=40, deadline=None)
def test_relevant_pictures_in_front_are_worth_one(data):
    queries, query_labels, _, labels = data
    codes = LabelledCodes(queries, query_labels, np.repeat(queries[:1], len(labels), 0), labels)
    found = mean_average_precision(codes, (3,))
    assert all(0 <= value <= 1 for value in found.values())
    front = LabelledCodes(queries[:1], [5], np.repeat(queries[:1], 9, 0), [5] * 4 + [6] * 5)
    assert mean_average_precision(front, (2, 4, 8)) == dict.fromkeys(("2", "4", "8", "all"), 1.0)


@pytest.mark.parametrize("size", [3, 37, 1000])
def test_perfect_codes_are_worth_no_more_than_one(size):
    labels = np.random.default_rng(size).integers(0, 7, size)
    codes = np.eye(7, dtype=np.uint8)[labels]
    result = evaluate(codes, labels, codes, labels)
    assert set(result["map"].values()) == {1.0}
    assert 1 - 1e-12 < result["expected_map"] <= 1


def test_depths_of_results_are_those_below_the_size_of_the_database():
    for size, names in ((100, []), (101, ["100"]), (1001, ["100", "1000"])):
        data = random_set(size, 2, size, 12, 3)
        assert list(evaluate(*data)["map"]) == [*names, "all"]
