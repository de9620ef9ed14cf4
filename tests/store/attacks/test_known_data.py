"""Guessing a query's class from fetches, on requests small enough to follow by hand."""

import numpy as np
import pytest

from dlheir.store.attacks import ClassGuess, known_data_attack


def test_the_known_pictures_among_those_fetched_decide():
    requests = [[0, 1, 2, 5], [3, 4, 1, 6]]  # known: 0, 1, 2 of class 8; 3, 4 of class 9
    found = known_data_attack(requests, [8, 9], [0, 1, 2, 3, 4], [8, 8, 8, 9, 9])
    assert found == ClassGuess(accuracy=1, chance=0.5)


def test_labels_reach_requests_without_a_known_picture():
    # 0 is known; 1 was fetched with it, 2 with 1, 3 with 2: three steps away. 10 likewise.
    requests = [[0, 1], [1, 2], [2, 3], [3, 4], [10, 11], [11, 12], [12, 13], [13, 14]]
    found = known_data_attack(requests, [5] * 4 + [6] * 4, [0, 10], [5, 6])
    assert found.accuracy == 1


def test_known_pictures_keep_their_label():
    # Most who fetch picture 0 ask for class 1, but it is known to be of class 2.
    requests = [*[[0, 1, 2]] * 3, [0, 9, 9]]
    assert known_data_attack(requests, [1, 1, 1, 2], [0, 1, 2], [2, 1, 1]).accuracy == 1


def test_a_picture_that_everybody_fetches_weighs_no_more():
    # The last request fetches 0, known from six requests of which a third points to class 1, and
    # 1 and 2, each known from one request of which two thirds point to class 2.
    known, labels = [10, 20, 21, 22, 23], [1, 2, 2, 2, 2]
    requests = [*[[0, 10, 30]] * 6, [1, 20, 21], [2, 22, 23], [0, 1, 2]]
    assert known_data_attack(requests, [1] * 6 + [2] * 3, known, labels).accuracy == 1


def test_what_nothing_reaches_is_taken_for_the_class_known_most_often():
    found = known_data_attack([[20, 21]], [4], [0, 1, 2], [3, 4, 4])
    assert found.accuracy == 1


def test_learns_nothing_from_fetches_that_say_nothing():
    random = np.random.default_rng(0)
    requests = np.array([random.permutation(1000)[:20] for _ in range(2000)])
    labels = np.arange(1000) % 10
    found = known_data_attack(requests, np.arange(2000) % 10, np.arange(50), labels[:50])
    assert found.chance == 0.1
    assert found.accuracy == pytest.approx(0.1, abs=0.03)
