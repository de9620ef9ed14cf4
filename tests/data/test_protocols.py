"""What each protocol promises of training set, database and queries."""

from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dlheir.data import PictureFolder
from dlheir.data.collection import Collection
from dlheir.data.protocols import (
    PROTOCOLS,
    Disjoint,
    Paper,
    Sides,
    UnseenClasses,
    make_protocol,
)
from dlheir.data.split import draw_split
from dlheir.errors import InputError
from dlheir.models import PictureTransform

SEEDS = st.integers(0, 2**32 - 1)
SHARES = st.floats(0.3, 0.9)
VALIDATION = st.sampled_from([0.0, 0.01, 0.3, 0.45])


@st.composite
def collections(draw, classes=(1, 6), pictures=(20, 40)):
    sizes = draw(st.lists(st.integers(*pictures), min_size=classes[0], max_size=classes[1]))
    return collection_of(dict(zip("abcdefgh", sizes, strict=False)))


def collection_of(sizes):
    names = [f"{c}/{i}.png" for c in sizes for i in range(sizes[c])]
    labels = [number for number, c in enumerate(sizes) for _ in range(sizes[c])]
    return Collection(Path("/nowhere"), tuple(names), tuple(labels), tuple(sizes))


def class_of(name):
    return name.split("/")[0]


def counts(names):
    return Counter(map(class_of, names))


def as_dealt(split):
    """The sides before the validation part came out of the training pictures."""
    return Sides([*split.training, *split.validation], split.database, split.queries)


def promise(protocol, sides, collection):
    return protocol.broken_promise(sides, {name: class_of(name) for name in collection.names})


@given(collections(), SEEDS, SHARES, VALIDATION)
def test_paper_searches_what_it_trains_on(collection, seed, share, validation):
    split = draw_split(collection, Paper(share), seed, validation)
    assert {*split.training, *split.validation} == set(split.database)
    assert sorted(split.database + split.queries) == sorted(collection.names)
    assert promise(Paper(), as_dealt(split), collection) is None


@given(collections(), SEEDS, SHARES, SHARES, VALIDATION)
def test_disjoint_searches_what_it_never_saw(collection, seed, share, training, validation):
    split = draw_split(collection, Disjoint(share, training), seed, validation)
    sides = [split.training, split.validation, split.database, split.queries]
    assert sorted(name for side in sides for name in side) == sorted(collection.names)
    assert all(list(side) == sorted(side) for side in sides)
    for class_name, size in counts(collection.names).items():
        others = round(share * size)
        trained = counts(as_dealt(split).training)[class_name]
        assert abs(trained - training * others) <= 1
        assert counts(split.database)[class_name] == others - trained >= 1
        assert counts(split.queries)[class_name] == size - others >= 1
    assert promise(Disjoint(), as_dealt(split), collection) is None


@given(collections(), SEEDS, SHARES, SHARES, VALIDATION)
def test_disjoint_asks_with_the_papers_queries(collection, seed, share, training, validation):
    disjoint = draw_split(collection, Disjoint(share, training), seed, validation)
    assert disjoint.queries == draw_split(collection, Paper(share), seed, 0.0).queries


@given(collections(classes=(4, 8)), SEEDS, SHARES, st.floats(0.01, 0.99), VALIDATION)
def test_unseen_classes_are_never_trained_on(collection, seed, share, unseen_share, validation):
    split = draw_split(collection, UnseenClasses(share, unseen_share), seed, validation)
    sides = [split.training, split.validation, split.database, split.queries]
    assert sorted(name for side in sides for name in side) == sorted(collection.names)
    seen, unseen = set(counts(split.training)), set(counts(split.database))
    assert unseen == set(counts(split.queries))
    assert not seen & unseen
    assert seen | unseen == set(collection.classes)
    assert set(counts(split.validation)) == (seen if validation else set())
    assert min(len(seen), len(unseen)) >= 2
    if min(len(seen), len(unseen)) > 2:
        assert abs(len(unseen) - unseen_share * len(collection.classes)) <= 0.5
    for class_name in unseen:
        size = counts(collection.names)[class_name]
        assert counts(split.database)[class_name] == round(share * size)
    assert promise(UnseenClasses(), as_dealt(split), collection) is None


@given(collections(classes=(4, 8)), SEEDS, VALIDATION)
def test_validation_comes_out_of_the_training_pictures_alone(collection, seed, validation):
    for protocol in (Paper(), Disjoint(), UnseenClasses()):
        without = draw_split(collection, protocol, seed, 0.0)
        held_out = draw_split(collection, protocol, seed, validation)
        assert (held_out.database, held_out.queries) == (without.database, without.queries)
        assert sorted(held_out.training + held_out.validation) == list(without.training)
        for class_name, trained in counts(without.training).items():
            expected = max(round(validation * trained), 1) if validation else 0
            assert counts(held_out.validation)[class_name] == expected


@given(collections(classes=(5, 8)), SEEDS)
def test_a_class_is_dealt_out_alike_in_any_collection(collection, seed):
    fewer = collection.without({n for n in collection.names if class_of(n) == "c"})
    sizes = counts(fewer.names)
    fewer = collection_of({c: sizes[c] for c in collection.classes if c != "c"})
    for protocol in (Paper(), Disjoint(), UnseenClasses()):
        whole, part = (draw_split(each, protocol, seed, 0.3) for each in (collection, fewer))
        same = [
            c
            for c in fewer.classes
            if (c in counts(whole.database)) == (c in counts(part.database))
        ]
        # Which classes are unseen is a matter of them all, of which one fewer changes one more.
        assert len(same) >= len(fewer.classes) - 1
        for side in ("training", "validation", "database", "queries"):
            of_whole = {n for n in getattr(whole, side) if class_of(n) in same}
            assert of_whole == {n for n in getattr(part, side) if class_of(n) in same}


@pytest.mark.parametrize("protocol", [Disjoint(), UnseenClasses()])
def test_seed_decides(protocol):
    collection = collection_of(dict.fromkeys("abcdefgh", 10))
    assert draw_split(collection, protocol, 3, 0.2) == draw_split(collection, protocol, 3, 0.2)
    splits = [draw_split(collection, protocol, seed, 0.2) for seed in range(4)]
    assert len({split.queries for split in splits}) == 4


def test_every_class_comes_to_be_unseen():
    collection = collection_of(dict.fromkeys("abcdefgh", 10))
    times = Counter()
    for seed in range(400):
        times.update(set(counts(draw_split(collection, UnseenClasses(), seed, 0.0).queries)))
    assert sum(times.values()) == 400 * 2
    assert all(60 < times[c] < 140 for c in "abcdefgh")  # 100 expected, 8.7 standard deviation


def test_shares_by_hand():
    disjoint = draw_split(collection_of({"a": 100, "b": 10}), Disjoint(0.8, 0.25), 0, 0.5)
    assert counts(disjoint.queries) == {"a": 20, "b": 2}
    assert counts(disjoint.training) == {"a": 10, "b": 1}
    assert counts(disjoint.validation) == {"a": 10, "b": 1}
    assert counts(disjoint.database) == {"a": 60, "b": 6}
    twelve = collection_of(dict.fromkeys("abcdefghijkl", 10))
    unseen = draw_split(twelve, UnseenClasses(), 0, 0.0)
    assert (len(unseen.training), len(unseen.database), len(unseen.queries)) == (90, 24, 6)


PICTURES = [f"{c}/{i}" for c in "ab" for i in range(3)]


@pytest.mark.parametrize(
    ("protocol", "training", "database", "expected"),
    [
        (Paper(), "a/0 b/0", "a/0 b/0", None),
        (Paper(), "a/0 b/0", "a/0", "b/0 is trained on, but not in the database"),
        (Paper(), "a/0", "a/0 b/0", "b/0 is in the database, but not trained on"),
        (Disjoint(), "a/0 b/0", "a/1 b/1", None),
        (Disjoint(), "a/0 b/0", "a/1 b/0", "b/0 is in the database and trained on"),
        (UnseenClasses(), "a/0 a/1", "b/0 b/1", None),
        (UnseenClasses(), "a/0 b/2", "b/0 b/1", "class b is trained on and tested"),
    ],
)
def test_promises_of_sides_that_someone_else_drew(protocol, training, database, expected):
    sides = Sides(training.split(), database.split(), ["b/1"])
    known = {name: name[0] for name in PICTURES}
    assert protocol.broken_promise(sides, known) == expected


def test_unseen_class_in_the_queries_alone_counts():
    known = {name: name[0] for name in PICTURES}
    sides = Sides(["a/0"], ["b/0"], ["a/1"])
    assert UnseenClasses().broken_promise(sides, known) == "class a is trained on and tested"


@pytest.mark.parametrize(
    ("sizes", "protocol", "validation", "expected"),
    [
        ({"a": 10, "b": 2}, Disjoint(), 0.0, "class b has 2 pictures, too few for protocol disj"),
        ({"a": 10, "b": 4}, Disjoint(0.2), 0.0, r"raise --data\.database_share"),
        ({"a": 10, "b": 3}, Disjoint(), 0.2, "class b has 1 training pictures, too few for a val"),
        ({"a": 9, "b": 9, "c": 9}, UnseenClasses(), 0.0, "there are 3 classes, too few"),
    ],
)
def test_too_few(sizes, protocol, validation, expected):
    with pytest.raises(InputError, match=expected) as error:
        draw_split(collection_of(sizes), protocol, 0, validation)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "shares", "expected"),
    [
        ("paper", {"training_share": 0.5}, "training_share is 0.5, but protocol paper does not"),
        ("paper", {"unseen_share": 0.5}, "unseen_share is 0.5, but protocol paper does not use"),
        ("disjoint", {"unseen_share": 0.5}, "unseen_share is 0.5, but protocol disjoint does not"),
        ("unseen_classes", {"training_share": 0.5}, "but protocol unseen_classes does not use it"),
        ("disjoint", {"training_share": 1.0}, "training_share is 1.0; it must lie between 0 and 1"),
        ("disjoint", {"training_share": 0.0}, "training_share is 0.0; it must"),
        ("unseen_classes", {"unseen_share": float("nan")}, "unseen_share is nan; it must"),
        ("paper", {"database_share": -1.0}, "database_share is -1.0; it must"),
        ("papre", {}, "data.protocol is 'papre'; there are paper, disjoint, unseen_classes"),
    ],
)
def test_settings_that_are_refused(name, shares, expected):
    with pytest.raises(InputError) as error:
        make_protocol(PROTOCOLS, name, **shares)
    assert expected in str(error.value)


def test_settings_left_out_are_the_protocols_own():
    shares = {"database_share": None, "training_share": None, "unseen_share": None}
    assert make_protocol(PROTOCOLS, "disjoint", **shares) == Disjoint(0.8, 0.5)
    assert make_protocol(PROTOCOLS, "unseen_classes", **shares) == UnseenClasses(0.8, 0.25)
    assert make_protocol(PROTOCOLS, "paper", **shares) == Paper(0.8)


def test_data_module_names_its_protocol(make_pictures):
    root = str(make_pictures({"a": 5, "b": 5}))
    assert PictureFolder(root).protocol == "paper"
    data = PictureFolder(root, protocol="disjoint", training_share=0.25)
    assert data.protocol == data.split.protocol == "disjoint"
    assert (len(data.split.training), len(data.split.database)) == (2, 6)
    with pytest.raises(InputError, match="training_share"):
        PictureFolder(root, training_share=0.25)


def test_networks_learn_numbers_among_the_trained_classes(make_pictures):
    root = make_pictures(dict.fromkeys("abcdef", 6))
    settings = {"image_size": 32, "batch_size": 8, "workers": 0, "validation_share": 0.2}
    data = PictureFolder(str(root), protocol="unseen_classes", unseen_share=0.5, **settings)
    data.trainer = SimpleNamespace(
        world_size=1,
        global_rank=0,
        lightning_module=SimpleNamespace(read_picture=PictureTransform(32).load),
        strategy=SimpleNamespace(root_device=torch.device("cpu")),
    )
    seen = sorted({class_of(name) for name in data.split.training})
    assert seen != ["a", "b", "c"]  # else the numbers in the collection would do
    assert data.num_classes == len(seen) == 3
    loader = data.train_dataloader()
    loader.sampler.set_epoch(0)
    for batch in loader:
        for label, number in zip(batch.label.tolist(), batch.number.tolist(), strict=True):
            assert seen[label] == class_of(data.split.training[number])
    sides = [data.split.training, data.split.validation, data.split.database, data.split.queries]
    loaders = [*data.val_dataloader(), *data.test_dataloader()]
    for loader, names in zip(loaders, sides, strict=True):
        labels = [label for batch in loader for label in batch.label.tolist()]
        assert [data.collection.classes[label] for label in labels] == list(map(class_of, names))
