"""`dlheir benchmark search`: the others' answers, and what is wanted of ours."""

import sys

import numpy as np
import pytest

from dlheir.benchmarks import search
from dlheir.benchmarks.search import K, opponents, target_of
from dlheir.errors import WorkError
from dlheir.retrieval import build_index, pack


@pytest.fixture(params=[12, 32, 48, 64])
def codes(request):
    """A database a little larger than what is asked for, and queries."""
    random = np.random.default_rng(0)
    return (random.integers(0, 2, (count, request.param), dtype=np.uint8) for count in (K + 30, 5))


def test_all_opponents_find_the_nearest(codes):
    stored, asked = codes
    distances = (asked[:, None] != stored).sum(axis=2)
    expected = np.sort(distances, axis=1)[:, :K]
    ways = opponents(pack(stored))
    assert len(ways) == 4  # usearch is installed where tests run
    for name, way in ways.items():
        assert np.array_equal(way(pack(asked)), expected), name
        assert np.array_equal(way(pack(asked[:1])), expected[:1]), name


def test_usearch_is_left_out_where_it_is_not_installed(codes, monkeypatch):
    monkeypatch.setitem(sys.modules, "usearch.index", None)
    names = opponents(pack(next(codes)))
    assert len(names) == 3
    assert not any("usearch" in name for name in names)


def test_other_distances_than_ours_are_no_comparison():
    random = np.random.default_rng(0)
    stored, asked = (random.integers(0, 2, (count, 48), dtype=np.uint8) for count in (200, 3))
    with pytest.raises(WorkError, match=r"the distances of .* and a liar differ"):
        search._against(
            "x", build_index(stored), asked, lambda queries: np.zeros((3, K)), "a liar", None, True
        )


@pytest.mark.parametrize(
    ("size", "bits", "queries", "cores", "target"),
    [
        (10_000_000, 12, 1, 1, 100),
        (10_000_000, 12, 2_000, 4, 100),
        (1_000_000, 48, 1, 4, 1),
        (1_000_000, 48, 2_000, 4, 3),
        (100_000, 24, 200, 3, 1.6),
        (100_000, 24, 200, 1, None),
        (10_000_000, 48, 1, 4, None),
        (1_000_000, 12, 2_000, 4, None),
        (10_000, 48, 2_000, 4, None),
    ],
)
def test_targets(size, bits, queries, cores, target):
    assert target_of(size, bits, queries, cores) == target
