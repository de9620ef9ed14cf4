"""Who is searched and who asks."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlheir.data import PictureFolder
from dlheir.data.collection import Collection
from dlheir.data.inspection import PictureFacts
from dlheir.data.split import (
    Split,
    check_no_copies,
    draw_split,
    read_split,
    split_sha256,
    write_split,
)
from dlheir.errors import InputError


def collection_of(sizes):
    names = [f"{c}/{i}.png" for c, count in sizes.items() for i in range(count)]
    classes = tuple(sizes)
    labels = [i for i, count in enumerate(sizes.values()) for _ in range(count)]
    return Collection(Path("/nowhere"), tuple(names), tuple(labels), classes)


def facts_of(collection, **contents):
    """Facts with a content of its own for each picture."""
    no_print = np.zeros(180, np.float32)
    return {
        name: PictureFacts(name.split("/")[0], contents.get(name, f"{i:064x}"), 1, False, no_print)
        for i, name in enumerate(collection.names)
    }


def count_by_class(names):
    return {c: sum(n.startswith(f"{c}/") for n in names) for c in {n.split("/")[0] for n in names}}


SMALL = collection_of({"a": 10, "b": 5, "c": 100})


def test_80_percent_of_each_class_are_the_database():
    split = draw_split(SMALL, 0, 0.8, 0.0)
    assert count_by_class(split.database) == {"a": 8, "b": 4, "c": 80}
    assert count_by_class(split.queries) == {"a": 2, "b": 1, "c": 20}
    assert split.validation == ()
    assert split.training == split.database


def test_validation_comes_out_of_the_database_alone():
    without, with_part = (draw_split(SMALL, 0, 0.8, share) for share in (0.0, 0.25))
    assert count_by_class(with_part.validation) == {"a": 2, "b": 1, "c": 20}
    assert (with_part.database, with_part.queries) == (without.database, without.queries)
    assert set(with_part.training) == set(with_part.database) - set(with_part.validation)


def test_seed_decides():
    assert draw_split(SMALL, 3, 0.8, 0.1) == draw_split(SMALL, 3, 0.8, 0.1)
    assert draw_split(SMALL, 3, 0.8, 0.1).queries != draw_split(SMALL, 4, 0.8, 0.1).queries


def test_a_class_draws_the_same_in_any_collection():
    alone = draw_split(collection_of({"c": 100, "z": 2}), 0, 0.8, 0.0)
    beside = draw_split(SMALL, 0, 0.8, 0.0)
    assert [n for n in alone.queries if n[0] == "c"] == [n for n in beside.queries if n[0] == "c"]


def test_classes_of_equal_size_draw_differently():
    split = draw_split(collection_of({"a": 100, "b": 100}), 0, 0.8, 0.0)
    drawn = [{n.split("/")[1] for n in split.queries if n[0] == c} for c in "ab"]
    assert drawn[0] != drawn[1]


@given(
    sizes=st.lists(st.integers(4, 40), min_size=1, max_size=4),
    seed=st.integers(0, 2**32 - 1),
    database_share=st.floats(0.5, 0.99),
    validation_share=st.sampled_from([0.0, 0.01, 0.3, 0.49]),
)
def test_sides(sizes, seed, database_share, validation_share):
    collection = collection_of({f"c{i}": count for i, count in enumerate(sizes)})
    split = draw_split(collection, seed, database_share, validation_share)
    assert sorted(split.database + split.queries) == sorted(collection.names)
    assert not set(split.database) & set(split.queries)
    assert set(split.validation) < set(split.database)
    everywhere = {f"c{i}" for i in range(len(sizes))}
    sides = [split.database, split.queries, split.training]
    for side in [*sides, split.validation] if validation_share else sides:
        assert set(count_by_class(side)) == everywhere


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ((0.0, 0.0), "database_share"),
        ((1.0, 0.0), "database_share"),
        ((float("nan"), 0.0), "database_share"),
        ((0.8, -0.1), "validation_share"),
        ((0.8, 1.0), "validation_share"),
        ((0.8, 0.99), "too few for a validation part"),
    ],
)
def test_shares_that_leave_a_side_empty(shares, expected):
    with pytest.raises(InputError, match=expected):
        draw_split(SMALL, 0, *shares)


def test_written_and_read_back(tmp_path):
    split, facts = draw_split(SMALL, 7, 0.8, 0.2), facts_of(SMALL)
    write_split(tmp_path / "split.json", split, facts)
    assert read_split(tmp_path / "split.json", facts) == split
    written = json.loads((tmp_path / "split.json").read_text())
    name = split.queries[0]
    assert written["queries"][facts[name].class_name][name] == facts[name].sha256


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda w, facts: facts.pop("a/0.png"), r"a/0\.png is missing"),
        (lambda w, facts: facts.update({"a/0.png": facts["a/1.png"]}), r"a/0\.png has changed"),
        (lambda w, facts: w.update(queries={}), "queries are empty"),
        (lambda w, facts: w.update(queries=w["database"]), "both in the database and in"),
        (lambda w, facts: w.update(validation=w["queries"]), "not in the database"),
        (lambda w, facts: w.pop("database"), "not a split file"),
        (lambda w, facts: w.update(database=["a/0.png"]), "not a split file"),
        (lambda w, facts: w.update(schema=2), "schema 2"),
    ],
)
def test_split_of_something_else_is_refused(tmp_path, change, expected):
    facts, path = facts_of(SMALL), tmp_path / "split.json"
    write_split(path, draw_split(SMALL, 0, 0.8, 0.2), facts)
    written = json.loads(path.read_text())
    change(written, facts)
    path.write_text(json.dumps(written))
    with pytest.raises(InputError, match=expected) as error:
        read_split(path, facts)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"[]", b"3", b"\xff\xfe", b'{"seed"'])
def test_file_that_is_no_split(tmp_path, content):
    (tmp_path / "split.json").write_bytes(content)
    with pytest.raises(InputError, match="not a split file"):
        read_split(tmp_path / "split.json", {})


def test_split_that_cannot_be_read(tmp_path):
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            read_split(path, {})


def test_hash_depends_on_sides_and_content_not_on_the_seed():
    facts = facts_of(SMALL)
    split = draw_split(SMALL, 0, 0.8, 0.2)
    known = split_sha256(split, facts)
    assert split_sha256(Split(99, split.database, split.queries, split.validation), facts) == known
    changed = facts_of(SMALL, **{split.queries[0]: "f" * 64})
    moved = Split(0, split.database, split.queries, split.validation[1:])
    swapped = Split(0, split.queries, split.database)
    hashes = [
        split_sha256(split, changed),
        split_sha256(moved, facts),
        split_sha256(swapped, facts),
    ]
    assert len({known, *hashes}) == 4


def test_query_that_is_a_copy_is_refused(make_pictures):
    root = make_pictures({"a": 10, "b": 10})
    query = PictureFolder(str(root)).split.queries[0]
    original = PictureFolder(str(root)).split.database[-1]
    (root / query).write_bytes((root / original).read_bytes())
    with pytest.raises(InputError, match=f"1 queries are copies .*{query} = {original}"):
        PictureFolder(str(root))
    assert PictureFolder(str(root), allow_copies=True).near_duplicates >= 1


def test_copies_on_one_side_are_allowed():
    split = draw_split(SMALL, 0, 0.8, 0.0)
    same = dict.fromkeys(split.database[:2], "a" * 64) | dict.fromkeys(split.queries[:2], "b" * 64)
    check_no_copies(split, facts_of(SMALL, **same))


def test_split_of_an_earlier_run_is_used(make_pictures, tmp_path):
    root = make_pictures({"a": 10, "b": 10})
    first = PictureFolder(str(root), seed=1, validation_share=0.2)
    write_split(tmp_path / "split.json", first.split, first.facts)
    again = PictureFolder(str(root), seed=2, split=str(tmp_path / "split.json"))
    assert again.split == first.split
    assert again.split_sha256 == first.split_sha256
    assert PictureFolder(str(root), seed=2).split_sha256 != first.split_sha256
