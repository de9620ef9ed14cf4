"""Who is searched and who asks."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlheir.data import PictureFolder
from dlheir.data.collection import Collection
from dlheir.data.inspection import PictureFacts
from dlheir.data.protocols import Disjoint, Paper, UnseenClasses
from dlheir.data.split import (
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


def draw(collection, seed, database_share=0.8, validation_share=0.0):
    return draw_split(collection, Paper(database_share), seed, validation_share)


SMALL = collection_of({"a": 10, "b": 5, "c": 100})


def test_80_percent_of_each_class_are_the_database():
    split = draw(SMALL, 0, 0.8, 0.0)
    assert count_by_class(split.database) == {"a": 8, "b": 4, "c": 80}
    assert count_by_class(split.queries) == {"a": 2, "b": 1, "c": 20}
    assert split.validation == ()
    assert split.training == split.database


def test_validation_comes_out_of_the_database_alone():
    without, with_part = (draw(SMALL, 0, 0.8, share) for share in (0.0, 0.25))
    assert count_by_class(with_part.validation) == {"a": 2, "b": 1, "c": 20}
    assert (with_part.database, with_part.queries) == (without.database, without.queries)
    assert set(with_part.training) == set(with_part.database) - set(with_part.validation)


def test_seed_decides():
    assert draw(SMALL, 3, 0.8, 0.1) == draw(SMALL, 3, 0.8, 0.1)
    assert draw(SMALL, 3, 0.8, 0.1).queries != draw(SMALL, 4, 0.8, 0.1).queries


def test_a_class_draws_the_same_in_any_collection():
    alone = draw(collection_of({"c": 100, "z": 2}), 0, 0.8, 0.0)
    beside = draw(SMALL, 0, 0.8, 0.0)
    assert [n for n in alone.queries if n[0] == "c"] == [n for n in beside.queries if n[0] == "c"]


def test_classes_of_equal_size_draw_differently():
    split = draw(collection_of({"a": 100, "b": 100}), 0, 0.8, 0.0)
    drawn = [{n.split("/")[1] for n in split.queries if n[0] == c} for c in "ab"]
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize(
    ("seed", "validation_share", "split_digest", "file_digest"),
    [
        (
            0,
            0.0,
            "56e591277589e38cf56c000e87dcaf371e8b46780978764cd9cca3798333c1b5",
            "a38acb2b9cbb56fcb8090271468fede28b58b36abeeb082d5b2296bf20a29b6b",
        ),
        (
            3,
            0.25,
            "9fc290a348e838b4cd0c28a265d98e1a8f41e5ede511800d8fd06eac694076ed",
            "0bb4c99a3358af654f91065fa8ee218a1c9057cbf27bb877dae4ddb36b461929",
        ),
    ],
)
def test_splits_of_the_paper_stay(tmp_path, seed, validation_share, split_digest, file_digest):
    """Digests by the code of commit 5126923, which knew no other protocol."""
    split, facts = draw(SMALL, seed, 0.8, validation_share), facts_of(SMALL)
    write_split(tmp_path / "split.json", split, facts)
    assert split_sha256(split, facts) == split_digest
    assert hashlib.sha256((tmp_path / "split.json").read_bytes()).hexdigest() == file_digest


@given(
    sizes=st.lists(st.integers(4, 40), min_size=1, max_size=4),
    seed=st.integers(0, 2**32 - 1),
    database_share=st.floats(0.5, 0.99),
    validation_share=st.sampled_from([0.0, 0.01, 0.3, 0.49]),
)
def test_sides(sizes, seed, database_share, validation_share):
    collection = collection_of({f"c{i}": count for i, count in enumerate(sizes)})
    split = draw(collection, seed, database_share, validation_share)
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
        draw(SMALL, 0, *shares)


FOUR = collection_of({"a": 10, "b": 8, "c": 30, "d": 12})
EACH = pytest.mark.parametrize("protocol", [Paper(), Disjoint(), UnseenClasses()])


@EACH
def test_written_and_read_back(tmp_path, protocol):
    split, facts = draw_split(FOUR, protocol, 7, 0.2), facts_of(FOUR)
    write_split(tmp_path / "split.json", split, facts)
    again = read_split(tmp_path / "split.json", facts, protocol)
    assert again == split
    assert split_sha256(again, facts) == split_sha256(split, facts)
    written = json.loads((tmp_path / "split.json").read_text())
    name = split.queries[0]
    assert written["queries"][facts[name].class_name][name] == facts[name].sha256


def test_only_other_protocols_than_the_paper_write_who_trains(tmp_path):
    facts, path = facts_of(FOUR), tmp_path / "split.json"
    write_split(path, draw(FOUR, 0), facts)
    assert list(json.loads(path.read_text())) == [
        *("schema", "seed", "database", "queries", "validation")
    ]
    split = draw_split(FOUR, Disjoint(), 0, 0.2)
    write_split(path, split, facts)
    written = json.loads(path.read_text())
    assert (written["schema"], written["protocol"]) == (2, "disjoint")
    assert {n for names in written["training"].values() for n in names} == set(split.training)


@pytest.mark.parametrize(
    ("protocol", "change", "expected"),
    [
        (Paper(), lambda w, f: f.pop("a/0.png"), r"a/0\.png is missing"),
        (Paper(), lambda w, f: f.update({"a/0.png": f["a/1.png"]}), r"a/0\.png has changed"),
        (Paper(), lambda w, f: w.update(queries={}), "no picture for queries"),
        (Paper(), lambda w, f: w.update(queries=w["database"]), "both in database and in queries"),
        (Paper(), lambda w, f: w.update(validation=w["queries"]), "both in validation and in"),
        (Paper(), lambda w, f: w["database"].pop("b"), "but not in the database"),
        (Paper(), lambda w, f: w.pop("database"), "not a split file"),
        (Paper(), lambda w, f: w.update(database=["a/0.png"]), "not a split file"),
        (Paper(), lambda w, f: w.update(schema=3), "schema 3"),
        (Paper(), lambda w, f: w.update(schema=2), "not a split file"),
        (Disjoint(), lambda w, f: w.pop("training"), "not a split file"),
        (Disjoint(), lambda w, f: w.update(training={}), "no picture for training"),
        (Disjoint(), lambda w, f: w.update(protocol="paper"), "of protocol paper, not of disjoint"),
        (Disjoint(), lambda w, f: w.update(schema=1), "of protocol paper, not of disjoint"),
        (Disjoint(), lambda w, f: w.update(training=w["database"]), "the database and trained on"),
        (Disjoint(), lambda w, f: w.update(database=w["validation"]), "database and trained on"),
        (Disjoint(), lambda w, f: w.update(training=w["queries"]), "in training and in queries"),
        (Disjoint(), lambda w, f: w.update(validation=w["training"]), "in validation and in train"),
        (Disjoint(), lambda w, f: f.pop("c/7.png"), r"c/7\.png is missing"),
        (UnseenClasses(), lambda w, f: w["queries"].update(moved(w)), "is trained on and tested"),
        (UnseenClasses(), lambda w, f: w["database"].update(moved(w)), "is trained on and tested"),
    ],
)
def test_split_of_something_else_is_refused(tmp_path, protocol, change, expected):
    facts, path = facts_of(FOUR), tmp_path / "split.json"
    write_split(path, draw_split(FOUR, protocol, 0, 0.2), facts)
    written = json.loads(path.read_text())
    change(written, facts)
    path.write_text(json.dumps(written))
    with pytest.raises(InputError, match=expected) as error:
        read_split(path, facts, protocol)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def moved(written):
    """A picture taken out of the training set, by class."""
    class_name, pictures = next(iter(written["training"].items()))
    return {class_name: dict([pictures.popitem()])}


@EACH
def test_split_of_another_protocol_is_refused(tmp_path, protocol):
    facts, path = facts_of(FOUR), tmp_path / "split.json"
    write_split(path, draw_split(FOUR, protocol, 0, 0.0), facts)
    for other in {Paper(), Disjoint(), UnseenClasses()} - {protocol}:
        with pytest.raises(InputError, match=rf"set --data\.protocol {protocol.name}"):
            read_split(path, facts, other)


@pytest.mark.parametrize("content", [b"", b"[]", b"3", b"\xff\xfe", b'{"seed"'])
def test_file_that_is_no_split(tmp_path, content):
    (tmp_path / "split.json").write_bytes(content)
    with pytest.raises(InputError, match="not a split file"):
        read_split(tmp_path / "split.json", {}, Paper())


def test_split_that_cannot_be_read(tmp_path):
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            read_split(path, {}, Paper())


def test_hash_depends_on_sides_and_content_not_on_the_seed():
    facts = facts_of(SMALL)
    split = draw(SMALL, 0, 0.8, 0.2)
    known = split_sha256(split, facts)
    assert split_sha256(replace(split, seed=99), facts) == known
    changed = facts_of(SMALL, **{split.queries[0]: "f" * 64})
    moved = replace(split, validation=split.validation[1:])
    swapped = replace(split, database=split.queries, queries=split.database)
    hashes = [
        split_sha256(split, changed),
        split_sha256(moved, facts),
        split_sha256(swapped, facts),
    ]
    assert len({known, *hashes}) == 4


def test_hash_depends_on_who_trains():
    facts, split = facts_of(FOUR), draw_split(FOUR, Disjoint(), 0, 0.2)
    fewer = replace(split, training=split.training[1:])
    assert split_sha256(fewer, facts) != split_sha256(split, facts)


def test_query_that_is_a_copy_is_refused(make_pictures):
    root = make_pictures({"a": 10, "b": 10})
    query = PictureFolder(str(root)).split.queries[0]
    original = PictureFolder(str(root)).split.database[-1]
    (root / query).write_bytes((root / original).read_bytes())
    with pytest.raises(InputError, match=f"1 queries are copies .*{query} = {original}"):
        PictureFolder(str(root))
    assert PictureFolder(str(root), allow_copies=True).near_duplicates >= 1


def test_copies_on_one_side_are_allowed():
    split = draw(SMALL, 0, 0.8, 0.0)
    same = dict.fromkeys(split.database[:2], "a" * 64) | dict.fromkeys(split.queries[:2], "b" * 64)
    check_no_copies(split, facts_of(SMALL, **same))


@pytest.mark.parametrize(
    ("side", "other", "expected"),
    [
        ("queries", "database", "1 queries are copies of database pictures"),
        ("queries", "training", "1 queries are copies of training pictures"),
        ("queries", "validation", "1 queries are copies of training pictures"),
        ("database", "training", "1 database pictures are copies of training pictures"),
        ("database", "validation", "1 database pictures are copies of training pictures"),
    ],
)
@pytest.mark.parametrize("protocol", [Disjoint(), UnseenClasses()])
def test_database_that_was_never_trained_on_has_no_copies(protocol, side, other, expected):
    split = draw_split(FOUR, protocol, 0, 0.2)
    check_no_copies(split, facts_of(FOUR))
    copy, original = getattr(split, side)[-1], getattr(split, other)[0]
    with pytest.raises(InputError, match=rf"{expected} \({copy} = {original}\)"):
        check_no_copies(split, facts_of(FOUR, **dict.fromkeys((copy, original), "a" * 64)))


def test_copies_of_training_pictures_in_the_papers_database_are_allowed():
    split = draw(SMALL, 0, 0.8, 0.2)
    same = dict.fromkeys((split.training[0], split.validation[0]), "a" * 64)
    check_no_copies(split, facts_of(SMALL, **same))


def test_split_of_an_earlier_run_is_used(make_pictures, tmp_path):
    root = make_pictures({"a": 10, "b": 10})
    first = PictureFolder(str(root), seed=1, validation_share=0.2)
    write_split(tmp_path / "split.json", first.split, first.facts)
    again = PictureFolder(str(root), seed=2, split=str(tmp_path / "split.json"))
    assert again.split == first.split
    assert again.split_sha256 == first.split_sha256
    assert PictureFolder(str(root), seed=2).split_sha256 != first.split_sha256


def test_split_is_held_against_the_configured_protocol(make_pictures, tmp_path):
    root, path = make_pictures({"a": 10, "b": 10}), tmp_path / "split.json"
    first = PictureFolder(str(root), seed=1, protocol="disjoint", training_share=0.3)
    write_split(path, first.split, first.facts)
    again = PictureFolder(str(root), split=str(path), protocol="disjoint")
    assert (again.split, again.protocol) == (first.split, "disjoint")
    with pytest.raises(InputError, match=r"set --data\.protocol disjoint"):
        PictureFolder(str(root), split=str(path))
