"""Xia et al.'s system from files of pictures to answers."""

import pickle

import numpy as np
import pytest

from dlheir.baselines import NO_ANSWER, get_system
from dlheir.baselines.secure_knn_attack import recover_queries, recover_vectors
from dlheir.errors import InputError

NAMES = ["xia_csd", "xia_scd"]


@pytest.fixture
def paths(make_pictures):
    root = make_pictures({"a": 8, "b": 8, "c": 8})
    return sorted(root.glob("*/*"))


def plain_order(features, query):
    distances = ((features.astype(np.int64) - query.astype(np.int64)) ** 2).sum(axis=1)
    return np.lexsort((np.arange(len(features)), distances))


@pytest.mark.parametrize("name", NAMES)
def test_ranking_of_pictures_is_the_plain_one(name, paths):
    system = get_system(name, seed=1, tables=0)
    # Twice each: ties everywhere.
    features = system.features([*paths, *paths])
    rows, scores = system.index(features).search(system.trapdoors(features), len(features))
    for query, its_rows in zip(features, rows, strict=True):
        assert its_rows.tolist() == plain_order(features, query).tolist()
    assert np.all(np.diff(scores, axis=1) >= 0)


@pytest.mark.parametrize("name", NAMES)
def test_prefilter_leaves_the_plain_ranking_of_its_candidates(name, paths):
    system = get_system(name, seed=1, tables=2, hashes=4, width=1.0)
    system.prepare(paths)
    features = system.features(paths)
    index = system.index(features)
    trapdoors = system.trapdoors(features)
    rows, scores = index.search(trapdoors, len(paths))
    left_out = 0
    for row, (query, found, its_scores) in enumerate(zip(features, rows, scores, strict=True)):
        candidates = index.tables.candidates(trapdoors.buckets[row])
        expected = [other for other in plain_order(features, query) if other in candidates]
        missing = len(paths) - len(expected)
        assert found.tolist() == expected + [NO_ANSWER] * missing
        assert row in found
        assert np.isinf(its_scores[len(expected) :]).all()
        assert np.isfinite(its_scores[: len(expected)]).all()
        left_out += missing
    assert left_out  # or nothing was tested


@pytest.mark.parametrize("name", NAMES)
def test_trapdoors_of_the_same_query_differ(name, paths):
    system = get_system(name, seed=1)
    system.prepare(paths)
    features = system.features(paths[:1])
    first, second = system.trapdoors(features), system.trapdoors(features)
    assert not np.isclose(first.vectors, second.vectors).any()
    assert first.buckets == second.buckets  # what the server learns: the query comes again


@pytest.mark.parametrize("name", NAMES)
def test_server_holds_no_key_and_no_plain_descriptor(name, paths):
    system = get_system(name, seed=1)
    system.prepare(paths)
    features = system.features(paths)
    sent = pickle.dumps(system.index(features)) + pickle.dumps(system.trapdoors(features))
    key, buckets = system._key, system._bucket_key
    secrets = [key.split, *key.matrices, *key.inverses, buckets.directions, buckets.offsets]
    secrets += [features[0], features[0].astype(np.float64), features[0] / key.unit]
    for secret in [*(array.tobytes() for array in secrets), buckets.secret]:
        assert secret not in sent
    assert b"SecureKNN" not in sent
    assert b"BucketKey" not in sent


def test_known_pictures_give_all_descriptors_away():
    """The attack on the whole system: the server itself computes the scores that it needs."""
    d, others = 64, 200
    random = np.random.default_rng(2)
    descriptors = random.integers(0, 256, (d + 1 + others, d)).astype(np.uint8)
    queries = random.integers(0, 256, (d + 1, d)).astype(np.uint8)
    system = get_system("xia_csd", seed=3, tables=0)
    index = system.index(descriptors)
    rows, answered = index.search(system.trapdoors(queries), len(index))
    scores = np.empty_like(answered)
    np.put_along_axis(scores, rows, answered, axis=1)
    recovered = recover_queries(descriptors[: d + 1], scores[:, : d + 1])
    stolen = recover_vectors(recovered, scores[:, d + 1 :])
    assert np.array_equal(np.rint(stolen), descriptors[d + 1 :])


def test_pictures_all_alike_are_prepared_for(paths):
    system = get_system("xia_csd", seed=1)
    system.prepare(paths[:1] * 3)
    features = system.features(paths[:1] * 3)
    rows, _ = system.index(features).search(system.trapdoors(features[:1]), 5)
    assert rows.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bins": 100}, "bins: 100, expected one of 32, 64, 128, 256"),
        ({"tables": -1}, "tables: -1, expected at least 0"),
        ({"hashes": 0}, "hashes: 0, expected at least 1"),
        ({"width": 0.0}, "width: 0.0, expected more than 0"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(InputError) as error:
        get_system("xia_csd", **options)
    assert str(error.value) == message


def test_not_prepared(paths):
    system = get_system("xia_scd")
    with pytest.raises(InputError, match=r"xia_scd: call prepare\(\) first"):
        system.index(system.features(paths[:2]))
