"""Which pictures there are, of which class, and what folders are refused."""

from pathlib import Path

import pytest

from dlheir.data import Corel1K, Corel5K
from dlheir.data.collection import class_per_folder, class_per_hundred
from dlheir.data.inspection import count_near_duplicates, inspect
from dlheir.errors import InputError

REAL = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture
def files(tmp_path):
    """Make empty files; a collection is read by names alone."""

    def make(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return tmp_path

    return make


def message_of(read, root):
    with pytest.raises(InputError) as error:
        read(root)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_class_is_the_folder(files):
    root = files("b/2.png", "b/10.JPG", "a/x.jpeg", "a/y.webp")
    collection = class_per_folder(root)
    assert collection.classes == ("a", "b")
    assert collection.names == ("a/x.jpeg", "a/y.webp", "b/10.JPG", "b/2.png")
    assert collection.labels == (0, 0, 1, 1)
    assert collection.root == root


def test_hidden_files_and_folders_and_other_suffixes_are_passed(files):
    root = files("a/1.png", "a/2.png", "b/1.png", "b/2.png")
    expected = class_per_folder(root)
    files("a/.3.png", "a/notes.txt", "a/3.png.part", ".trash/1.png", ".trash/2.png", "1.png")
    (root / "b" / "3.png").mkdir()
    assert class_per_folder(root) == expected


def test_class_is_the_number_over_100(files):
    root = files("0.jpg", "99.jpg", "100.jpg", "707.jpg", "799.JPG", "199.jpg", "readme.txt")
    collection = class_per_hundred(root)
    assert collection.classes == ("000", "001", "007")
    found = dict(zip(collection.names, collection.labels, strict=True))
    assert found == {
        "0.jpg": 0,
        "99.jpg": 0,
        "100.jpg": 1,
        "199.jpg": 1,
        "707.jpg": 2,
        "799.JPG": 2,
    }


@pytest.mark.parametrize("read", [class_per_folder, class_per_hundred, Corel5K])
def test_missing_folder(tmp_path, read):
    message = message_of(read, tmp_path / "no" / "such")
    assert "such: no such folder" in message
    assert "--data.root" in message


@pytest.mark.parametrize(
    ("read", "names", "expected"),
    [
        (class_per_folder, [], "no class folders"),
        (class_per_folder, ["1.jpg", "2.jpg"], "no class folders"),
        (class_per_folder, ["a/1.jpg", "a/2.jpg"], "one class, a"),
        (class_per_folder, ["a/1.jpg", "a/2.jpg", "b/1.jpg"], "class b has too few pictures (1)"),
        (class_per_folder, ["a/1.jpg", "a/2.jpg", "b/deep/1.jpg"], "b has too few pictures (0)"),
        (class_per_hundred, ["notes.txt"], "no pictures"),
        (class_per_hundred, ["1.jpg", "2.jpg"], "one class, 000"),
        (class_per_hundred, ["1.jpg", "2.jpg", "100.jpg"], "class 001 has too few pictures (1)"),
        (class_per_hundred, ["1.jpg", "beach.jpg"], "beach.jpg: its name is no number"),
        (class_per_hundred, ["1.jpg", "-5.jpg"], "-5.jpg: its name is no number"),
    ],
)
def test_folder_that_is_no_collection(files, read, names, expected):
    root = files(*names)
    message = message_of(read, root)
    assert expected in message
    assert str(root) in message


def test_corel_reads_folders_and_flat_numbers(files, tmp_path, make_pictures):
    class FlatCorel(Corel1K):
        class_count = 2

    flat = make_pictures({"a": 2, "b": 2})
    assert FlatCorel(str(flat)).collection.classes == ("a", "b")
    for number, path in zip((5, 6, 100, 101), sorted(flat.glob("*/*")), strict=True):
        (tmp_path / "flat" / ".cache").mkdir(parents=True, exist_ok=True)
        path.rename(tmp_path / "flat" / f"{number}.png")
    assert FlatCorel(str(tmp_path / "flat")).collection.classes == ("000", "001")


def test_corel_refuses_another_number_of_classes(make_pictures):
    root = make_pictures({"a": 2, "b": 2, "c": 2})
    message = message_of(Corel5K, root)
    assert "3 classes, but Corel5K has 50" in message
    assert "PictureFolder" in message


def real(name):
    if not (REAL / name).is_dir():
        pytest.skip(f"no real photographs at {REAL / name}")
    return REAL / name


def test_real_corel_1k():
    data = Corel1K(str(real("corel1k")))
    assert (data.num_classes, len(data.collection.names)) == (10, 1000)
    assert data._longest_side() == 384
    assert (len(data.split.database), len(data.split.queries)) == (800, 200)


def test_real_corel_5k_and_its_near_duplicates():
    collection, facts = inspect(class_per_folder(real("corel5k")), False)
    assert (len(collection.classes), len(collection.names)) == (50, 4999)
    # Looked at by eye: one scene taken twice, and two tigers and two sunsets that are not.
    pairs = {
        ("108000/108015.jpeg", "108000/108041.jpeg"): 1,
        ("113000/113068.jpeg", "113000/113089.jpeg"): 1,
        ("104000/104070.jpeg", "173000/173011.jpeg"): 1,
        ("108000/108015.jpeg", "108000/108000.jpeg"): 0,
        ("001000/1010.jpeg", "101000/101047.jpeg"): 0,
        ("001000/1021.jpeg", "183000/183037.jpeg"): 0,
        ("034000/34046.jpeg", "034000/34060.jpeg"): 0,
    }
    for (one, other), expected in pairs.items():
        assert count_near_duplicates([facts[one]], [facts[other]]) == expected, (one, other)
    names = collection.names
    with_one = sum(
        count_near_duplicates([facts[name]], [facts[other] for other in names if other != name])
        for name in names[::499]
    )
    assert with_one <= 1  # They are rare: about 20 of 4,999.
