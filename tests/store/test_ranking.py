"""The server's index: the order of answers over several key versions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlheir.retrieval import build_index, pack
from dlheir.store.errors import StaleTrapdoorError
from dlheir.store.ranking import Ranking


def built_by(engine):
    return lambda version, codes: build_index(codes, engine)


def random_rows(draw, count, bits, versions):
    """Rows as the server's table has them: (picture id, key version, packed code), by id."""
    codes = draw.integers(0, 2, (count, bits), dtype=np.uint8)
    ids = sorted({draw.bytes(15) + bytes(draw.integers(2, size=1, dtype=np.uint8)) for _ in codes})
    chosen = draw.choice(versions, count).tolist()
    return list(zip(ids, chosen, map(bytes, pack(codes)), strict=True)), codes


@given(
    seed=st.integers(0, 2**32),
    count=st.integers(0, 40),
    bits=st.sampled_from([1, 2, 5, 12, 16, 17, 48, 100]),
    versions=st.lists(st.integers(1, 2**32 - 1), min_size=1, max_size=4, unique=True),
    engine=st.sampled_from(["auto", "flat"]),
    queries=st.integers(0, 4),
    k=st.integers(1, 50),
)
@settings(max_examples=150, deadline=None)
def test_answers_are_merged_by_distance_then_id(seed, count, bits, versions, engine, queries, k):
    draw = np.random.default_rng(seed)
    rows, codes = random_rows(draw, count, bits, versions)
    trapdoors = {
        version: draw.integers(0, 2, (queries, bits), dtype=np.uint8) for version in versions
    }
    ids, distances = Ranking.build(7, rows, bits, built_by(engine)).search(trapdoors, k)
    assert ids.shape == distances.shape == (queries, min(k, count))
    for query in range(queries):
        by_definition = sorted(
            (np.count_nonzero(code != trapdoors[version][query]), picture_id)
            for (picture_id, version, _), code in zip(rows, codes, strict=True)
        )[:k]
        assert ids[query].tolist() == [picture_id for _, picture_id in by_definition]
        assert distances[query].tolist() == [distance for distance, _ in by_definition]


@given(seed=st.integers(0, 2**32), bits=st.sampled_from([5, 12, 48]), k=st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_a_part_under_a_new_key_version_changes_no_answer(seed, bits, k):
    """What users see in the middle of a rotation, where versions differ by a secret transform."""
    draw = np.random.default_rng(seed)
    rows, codes = random_rows(draw, 30, bits, [1])
    queries = draw.integers(0, 2, (3, bits), dtype=np.uint8)
    order, pad = draw.permutation(bits), draw.integers(0, 2, bits, dtype=np.uint8)

    def transform(some):
        return some[:, order] ^ pad

    before = Ranking.build(1, rows, bits, built_by("auto")).search({1: queries}, k)
    done = set(draw.choice(30, draw.integers(31), replace=False).tolist())
    anew = map(bytes, pack(transform(codes)))
    mixed = [
        (row[0], 2, code) if number in done else row
        for number, (row, code) in enumerate(zip(rows, anew, strict=True))
    ]
    ranking = Ranking.build(2, mixed, bits, built_by("auto"))
    during = ranking.search({1: queries, 2: transform(queries)}, k)
    assert [found.tolist() for found in during] == [found.tolist() for found in before]


def test_ids_that_end_in_zero_bytes_stay_whole():
    picture_id = b"\x01" + bytes(15)
    code = np.zeros((1, 12), np.uint8)
    ids, _ = Ranking.build(1, [(picture_id, 1, bytes(pack(code)[0]))], 12, built_by("auto")).search(
        {1: code}, 1
    )
    assert ids.tolist() == [[picture_id]]


def test_every_version_that_pictures_are_under_needs_a_trapdoor():
    rows, codes = random_rows(np.random.default_rng(0), 9, 12, [3])
    rows[4] = (rows[4][0], 5, rows[4][2])
    ranking = Ranking.build(1, rows, 12, built_by("auto"))
    for trapdoors, missing in [({5: codes}, 3), ({3: codes}, 5), ({}, 3)]:
        with pytest.raises(StaleTrapdoorError, match=f"key version {missing}"):
            ranking.search(trapdoors, 1)
    ids, _ = ranking.search({1: codes, 3: codes, 5: codes, 9: codes}, 100)  # more do no harm
    assert ids.shape == (9, 9)


def test_it_knows_of_which_commit_it_is():
    ranking = Ranking.build(2**63, [], 12, built_by("auto"))
    assert ranking.sequence == 2**63
    assert ranking.search({1: np.zeros((2, 12), np.uint8)}, 3)[0].shape == (2, 0)
