"""Hash lookup by Hamming radius, against hand-computed values and plain loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labelled_sets import at_distances, random_set, sets

from dlheir.retrieval import distance_histograms, evaluate, lookup, precision_recall


def by_loops(queries, query_labels, database, labels, radius):
    """From the definition: one query at a time, one picture at a time."""
    precisions, recalls, empties = [], [], 0
    for code, label in zip(queries, query_labels, strict=True):
        answers = hits = relevant = 0
        for row, other in zip(database, labels, strict=True):
            near = sum(int(a) != int(b) for a, b in zip(code, row, strict=True)) <= radius
            answers += near
            hits += near and label == other
            relevant += label == other
        empties += answers == 0
        precisions.append(hits / answers if answers else 0.0)
        if relevant:
            recalls.append(hits / relevant)
    return {
        "precision": sum(precisions) / len(precisions),
        "recall": sum(recalls) / len(recalls) if recalls else 0.0,
        "empty": empties / len(queries),
    }


def test_values_worked_out_by_hand():
    # Of class 1, at distances 1, 2, 2, 3, 5; relevant are the first, the third and the last.
    database, labels = at_distances([1, 2, 2, 3, 5], 6), np.array([1, 0, 1, 0, 1])
    found = distance_histograms([[0] * 6], [1], database, labels)
    assert lookup(found) == pytest.approx({"precision": 2 / 3, "recall": 2 / 3, "empty": 0})
    assert lookup(found, 0) == {"precision": 0, "recall": 0, "empty": 1}
    curve = precision_recall(found)
    assert curve["precision"] == pytest.approx([0, 1, 2 / 3, 1 / 2, 1 / 2, 3 / 5, 3 / 5])
    assert curve["recall"] == pytest.approx([0, 1 / 3, 2 / 3, 2 / 3, 2 / 3, 1, 1])


def test_empty_balls_count_zero_and_classes_that_are_not_there_have_no_recall():
    queries = np.array([[0] * 6, [1] * 6, [0] * 6])
    database = at_distances([0, 1], 6)
    found = lookup(distance_histograms(queries, [1, 1, 9], database, [1, 0]))
    # The second query is 5 bits away from all; of the third one's class there is nothing.
    assert found == pytest.approx(
        {"precision": (1 / 2 + 0 + 0) / 3, "recall": (1 + 0) / 2, "empty": 1 / 3}
    )


def test_classes_that_no_query_has():
    histograms = distance_histograms([[0] * 3], [9], at_distances([0, 3], 3), [1, 1])
    assert lookup(histograms) == {"precision": 0, "recall": 0, "empty": 0}
    assert precision_recall(histograms) == {"precision": [0] * 4, "recall": [0] * 4}


@pytest.mark.parametrize("bits", [4, 12, 48, 100])
def test_agrees_with_loops(bits):
    queries, query_labels, database, labels = random_set(bits, 12, 80, bits, 5)
    database[:12] = queries  # so that not all near balls are empty
    data = queries, query_labels, database, labels
    histograms = distance_histograms(*data)
    curve = precision_recall(histograms)
    for radius in {0, 1, 2, 3, bits // 2, bits}:
        expected = by_loops(*data, radius)
        assert lookup(histograms, radius) == pytest.approx(expected, abs=1e-12)
        assert curve["precision"][radius] == pytest.approx(expected["precision"], abs=1e-12)
        assert curve["recall"][radius] == pytest.approx(expected["recall"], abs=1e-12)


@given(sets(), st.integers(0, 8))
@settings(max_examples=60, deadline=None)
def test_agrees_with_loops_where_ties_are_many(data, radius):
    assert lookup(distance_histograms(*data), radius) == pytest.approx(by_loops(*data, radius))


@given(sets())
@settings(max_examples=60, deadline=None)
def test_a_ball_of_all_bits_holds_everything(data):
    _, query_labels, _, labels = data
    bits = data[0].shape[1]
    histograms = distance_histograms(*data)
    whole = lookup(histograms, bits)
    shares = [np.mean(labels == label) for label in query_labels]
    assert whole == pytest.approx(
        {"precision": np.mean(shares), "recall": float(any(shares)), "empty": 0}
    )
    assert lookup(histograms, bits + 5) == whole


@given(sets())
@settings(max_examples=60, deadline=None)
def test_a_larger_ball_finds_no_less(data):
    histograms = distance_histograms(*data)
    recall = precision_recall(histograms)["recall"]
    assert recall == sorted(recall)
    radii = [lookup(histograms, radius)["empty"] for radius in range(len(recall))]
    assert radii == sorted(radii, reverse=True)
    assert all(0 <= value <= 1 for value in (*recall, *precision_recall(histograms)["precision"]))


@given(sets())
@settings(max_examples=40, deadline=None)
def test_the_curve_at_radius_two_is_the_figure_of_radius_two(data):
    result = evaluate(*data)
    here = min(2, data[0].shape[1])
    for name in ("precision", "recall"):
        assert result["precision_recall"][name][here] == result["hamming_radius_2"][name]
    assert (
        result["hamming_radius_2"]["precision"] <= 1 - result["hamming_radius_2"]["empty"] + 1e-12
    )
