"""CIFAR-10 in a small size: torchvision's data set, folders of pictures, and the field's splits."""

import hashlib
import pickle
import shutil
from collections import Counter
from dataclasses import replace
from types import MappingProxyType
from urllib.error import URLError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torchvision import datasets

from dlheir.arguments import Parser
from dlheir.data import CIFAR10, PictureFolder, cifar10_pictures
from dlheir.data.cifar10_protocols import Cifar50k, Cifar54k, Cifar59k
from dlheir.data.protocols import Sides
from dlheir.data.split import read_split, write_split
from dlheir.errors import InputError

CLASSES = [
    *("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
]
TRAIN, TEST, QUERIES, TRAINING = 10, 4, 2, 3


class Small54k(Cifar54k):
    queries_per_class = QUERIES
    training_per_class = TRAINING


class Small59k(Cifar59k):
    queries_per_class = QUERIES
    training_per_class = TRAINING


class SmallCIFAR10(CIFAR10):
    protocols = MappingProxyType({kind.name: kind for kind in (Small54k, Small59k, Cifar50k)})
    counts = MappingProxyType({"train": TRAIN, "test": TEST})


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    """`cifar-10-batches-py` as it is published: its folder, its pictures, its files' MD5."""
    root = tmp_path_factory.mktemp("official")
    folder = root / "cifar-10-batches-py"
    folder.mkdir()
    random = np.random.default_rng(0)
    pixels, md5 = {}, {}

    def dump(name, content):
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
        md5[name] = hashlib.md5((folder / name).read_bytes()).hexdigest()

    def dump_batch(name, labels):
        data = random.integers(0, 256, (len(labels), 3072), dtype=np.uint8)
        dump(name, {"batch_label": name, "labels": labels, "data": data, "filenames": []})
        return [(label, row.reshape(3, 32, 32)) for label, row in zip(labels, data, strict=True)]

    labels = random.permutation(np.repeat(np.arange(10), TRAIN)).reshape(5, -1)
    batches = [dump_batch(f"data_batch_{i + 1}", labels[i].tolist()) for i in range(5)]
    pixels["train"] = [picture for batch in batches for picture in batch]
    pixels["test"] = dump_batch(
        "test_batch", random.permutation(np.repeat(np.arange(10), TEST)).tolist()
    )
    dump("batches.meta", {"label_names": CLASSES, "num_cases_per_batch": 20, "num_vis": 3072})
    return root, pixels, md5


@pytest.fixture
def root(official, monkeypatch, tmp_path):
    """A fresh folder with them, of which torchvision believes that they are the real ones."""
    published, _, md5 = official
    for name in ("train_list", "test_list"):
        listed = [[file, md5[file]] for file, _ in getattr(datasets.CIFAR10, name)]
        monkeypatch.setattr(datasets.CIFAR10, name, listed)
    meta = {**datasets.CIFAR10.meta, "md5": md5["batches.meta"]}
    monkeypatch.setattr(datasets.CIFAR10, "meta", meta)
    shutil.copytree(published, tmp_path / "root")
    return tmp_path / "root"


@pytest.fixture
def copy(root):
    """A folder per class in train and test, alone."""
    SmallCIFAR10(str(root))
    return (root / "cifar-10-pictures").rename(root.parent / "copy")


def class_of(name):
    return name.split("/")[1]


def by_class(names):
    return Counter(map(class_of, names))


def files_with_times(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def refusal(*args, **settings):
    with pytest.raises(InputError) as error:
        SmallCIFAR10(*map(str, args), **settings)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_numbers_of_the_real_set():
    assert (CIFAR10.class_count, CIFAR10.counts) == (10, {"train": 5000, "test": 1000})
    drawn = {
        "cat": [f"{part}/cat/{i:05d}.png" for part, n in CIFAR10.counts.items() for i in range(n)]
    }
    for kind, expected in ((Cifar54k, (500, 5400, 100)), (Cifar59k, (500, 5900, 100))):
        sides = kind().deal(drawn, 0)["cat"]
        assert (len(sides.training), len(sides.database), len(sides.queries)) == expected
    assert tuple(map(len, Cifar50k().deal(drawn, 0)["cat"])) == (5000, 5000, 1000)


def test_official_pictures_are_written_without_loss(root, official):
    data = SmallCIFAR10(str(root))
    assert data.collection.root == root / "cifar-10-pictures"
    assert data.collection.classes == tuple(CLASSES)
    assert list(data.collection.names) == sorted(
        data.collection.names, key=lambda n: (class_of(n), n)
    )
    assert len(data.collection.names) == 10 * (TRAIN + TEST)
    for part, pictures in official[1].items():
        for number, (label, planes) in enumerate(pictures):
            name = f"{part}/{CLASSES[label]}/{number:05d}.png"
            with Image.open(data.collection.root / name) as picture:
                np.testing.assert_array_equal(picture, planes.transpose(1, 2, 0))
            assert data.labels((name,)) == [label]
    assert data.image_size == 224
    assert data.num_classes == 10


def test_pictures_are_written_once(root):
    SmallCIFAR10(str(root))
    before = files_with_times(root)
    shutil.rmtree(root / "cifar-10-batches-py")
    SmallCIFAR10(str(root))
    assert all(before[path] == time for path, time in files_with_times(root).items())


@pytest.mark.parametrize("protocol", list(SmallCIFAR10.protocols))
def test_folders_of_pictures_split_as_the_official_files_do(root, protocol):
    settings = {"protocol": protocol, "validation_share": 0.3, "seed": 5}
    official = SmallCIFAR10(str(root), **settings)
    copied = SmallCIFAR10(str(official.collection.root), **settings)
    assert copied.collection.names == official.collection.names
    assert copied.split == official.split
    assert copied.split_sha256 == official.split_sha256
    other = SmallCIFAR10(str(root), **{**settings, "seed": 6})
    assert other.split_sha256 != official.split_sha256


@given(seed=st.integers(0, 2**32 - 1), sizes=st.lists(st.integers(6, 20), min_size=2, max_size=4))
def test_cifar_protocols_deal_every_picture_out(seed, sizes):
    random = np.random.default_rng(seed)
    drawn = {}
    for name, size in zip("abcd", sizes, strict=False):
        pictures = [f"{'test' if i < 3 else 'train'}/{name}/{i}" for i in range(size)]
        drawn[name] = [pictures[i] for i in random.permutation(size)]
    known = {picture: name for name, pictures in drawn.items() for picture in pictures}
    dealt = {kind: kind().deal(drawn, seed) for kind in (Small54k, Small59k, Cifar50k)}
    for kind, sides_of in dealt.items():
        together = Sides(*([n for s in sides_of.values() for n in s[i]] for i in range(3)))
        assert set().union(*together) == set(known)
        assert not set(together.queries) & {*together.training, *together.database}
        assert all(len(side) == len(set(side)) for side in together)
        assert kind().broken_promise(together, known) is None
    for name, size in zip("abcd", sizes, strict=False):
        fewer, more, test = (dealt[kind][name] for kind in dealt)
        assert tuple(map(len, fewer)) == (TRAINING, size - QUERIES - TRAINING, QUERIES)
        assert (fewer.queries, fewer.training) == (more.queries, more.training)
        assert set(more.database) == {*fewer.database, *fewer.training}
        assert set(test.queries) == {f"test/{name}/{i}" for i in range(3)}
        assert test.training == test.database


def test_sides_of_each_protocol(root):
    splits = {name: SmallCIFAR10(str(root), name).split for name in SmallCIFAR10.protocols}
    for split in splits.values():
        assert not set(split.queries) & {*split.training, *split.database}
    of_54k, of_59k, of_50k = splits.values()
    assert by_class(of_54k.queries) == dict.fromkeys(CLASSES, QUERIES)
    assert by_class(of_54k.training) == dict.fromkeys(CLASSES, TRAINING)
    assert by_class(of_54k.database) == dict.fromkeys(CLASSES, TRAIN + TEST - QUERIES - TRAINING)
    assert not set(of_54k.training) & set(of_54k.database)
    assert (of_59k.queries, of_59k.training) == (of_54k.queries, of_54k.training)
    assert set(of_59k.database) == {*of_54k.database, *of_54k.training}
    assert {name.split("/")[0] for name in of_50k.queries} == {"test"}
    assert by_class(of_50k.training) == dict.fromkeys(CLASSES, TRAIN)
    assert by_class(of_50k.queries) == dict.fromkeys(CLASSES, TEST)
    assert of_50k.training == of_50k.database


def test_validation_pictures_stay_in_a_database_that_holds_the_training_set(copy):
    for protocol in SmallCIFAR10.protocols:
        split = SmallCIFAR10(str(copy), protocol, validation_share=0.3).split
        assert len(split.validation) == 10 * (3 if protocol == "cifar10_50k" else 1)
        searched = set(split.validation) & set(split.database)
        assert searched == (set() if protocol == "cifar10_54k" else set(split.validation))


@pytest.mark.parametrize("protocol", list(SmallCIFAR10.protocols))
def test_split_written_and_read_back(copy, tmp_path, protocol):
    path = tmp_path / "split.json"
    data = SmallCIFAR10(str(copy), protocol, validation_share=0.3, seed=1)
    write_split(path, data.split, data.facts)
    again = SmallCIFAR10(str(copy), protocol, split=str(path))
    assert again.split == data.split
    assert again.split_sha256 == data.split_sha256
    others = SmallCIFAR10.protocols.keys() - {protocol}
    assert f"--data.protocol {protocol}" in refusal(copy, min(others), split=str(path))


@pytest.mark.parametrize(
    ("protocol", "change", "expected"),
    [
        (Small54k(), lambda s: {"queries": s.queries[1:]}, "1 queries pictures, not 2"),
        (Small54k(), lambda s: {"training": s.training[1:]}, "2 training pictures, not 3"),
        (Small54k(), lambda s: {"database": s.database[1:]}, "is on no side"),
        (Small54k(), lambda s: {"database": s.database + s.training}, "database and trained on"),
        (Small59k(), lambda s: {"database": s.database[1:]}, "on no side|not in the database"),
        (Small59k(), lambda s: {"queries": s.queries[1:]}, "1 queries pictures, not 2"),
        (Small59k(), lambda s: {"training": s.training[1:]}, "2 training pictures, not 3"),
        (Cifar50k(), lambda s: {"queries": s.queries[1:]}, "either a query or a test picture"),
        (Cifar50k(), lambda s: {"training": s.training[1:]}, "but not trained on"),
        (Cifar50k(), lambda s: {"database": s.database[1:]}, "but not in the database"),
        (
            Cifar50k(),
            lambda s: {"database": s.database[1:], "training": s.training[1:]},
            "is on no side",
        ),
    ],
)
def test_split_that_breaks_its_protocol_is_refused(copy, tmp_path, protocol, change, expected):
    data = SmallCIFAR10(str(copy), protocol.name)
    write_split(tmp_path / "split.json", replace(data.split, **change(data.split)), data.facts)
    with pytest.raises(InputError, match=expected):
        read_split(tmp_path / "split.json", data.facts, protocol)


def test_plain_folder_of_classes_does_not_say_which_pictures_are_the_test_ones(copy, tmp_path):
    plain = tmp_path / "plain"
    for part in ("train", "test"):
        for path in (copy / part).rglob("*.png"):
            target = plain / path.parent.name / f"{part}-{path.name}"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    split = SmallCIFAR10(str(plain)).split
    assert (len(split.queries), len(split.training)) == (10 * QUERIES, 10 * TRAINING)
    assert "nothing says which they are" in refusal(plain, "cifar10_50k")
    next(plain.glob("cat/*")).unlink()
    assert f"cat has {TRAIN + TEST - 1} pictures, but in CIFAR-10 it has 14" in refusal(plain)


def test_other_numbers_than_cifar10s_are_refused(copy):
    message = refusal(copy.parent / "root" / "cifar-10-batches-py")
    assert "no CIFAR-10 in it" in message  # nor any folder
    with pytest.raises(InputError, match=r"airplane has 10 pictures in train, but in .* has 5000"):
        CIFAR10(str(copy))
    next(copy.glob("test/dog/*")).rename(copy / "train" / "dog" / "moved.png")
    message = refusal(copy)
    assert "dog has 11 pictures in train, but in CIFAR-10 it has 10" in message
    assert "--data PictureFolder" in message
    shutil.rmtree(copy / "train" / "dog")
    shutil.rmtree(copy / "test" / "dog")
    assert "9 classes, but CIFAR-10 has 10" in refusal(copy)


def test_missing_folder(tmp_path):
    message = refusal(tmp_path / "none")
    assert "no such folder" in message
    assert "expected cifar-10-batches-py, or a folder per class in train and test" in refusal(
        tmp_path
    )


def test_damaged_files_leave_no_pictures(root):
    batch = root / "cifar-10-batches-py" / "data_batch_3"
    batch.write_bytes(batch.read_bytes()[:-1] + b"?")
    message = refusal(root)
    assert "missing or damaged" in message
    assert str(root) in message
    assert [path.name for path in root.iterdir()] == ["cifar-10-batches-py"]


def test_failure_while_writing_leaves_no_pictures(root, monkeypatch):
    saved, save = [], Image.Image.save

    def save_some(self, path, **options):
        if len(saved) == 120:  # some of the test pictures, too
            raise KeyboardInterrupt
        saved.append(path)
        save(self, path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, "save", save_some)
        with pytest.raises(KeyboardInterrupt):
            SmallCIFAR10(str(root))
    assert [path.name for path in root.iterdir()] == ["cifar-10-batches-py"]
    assert len(SmallCIFAR10(str(root)).collection.names) == 140


def test_draft_of_a_killed_process_does_not_disturb(root):
    draft = root / ".cifar-10-pictures-killed" / "pictures" / "train" / "cat"
    draft.mkdir(parents=True)
    (draft / "00000.png").write_bytes(b"half")
    assert len(SmallCIFAR10(str(root)).collection.names) == 140


def test_folder_of_a_user_is_refused_and_kept(root):
    (root / "cifar-10-pictures").mkdir()
    (root / "cifar-10-pictures" / "holiday.jpg").write_bytes(b"precious")
    assert "cifar-10-pictures: holds something else" in refusal(root)
    assert (root / "cifar-10-pictures" / "holiday.jpg").read_bytes() == b"precious"
    (root / "cifar-10-pictures" / "holiday.jpg").unlink()
    assert len(SmallCIFAR10(str(root)).collection.names) == 140


def test_slower_of_two_processes_takes_what_the_other_wrote(root, monkeypatch):
    write_part, written = cifar10_pictures._write_part, []

    def overtaken(folder, official):
        write_part(folder, official)
        if not written:
            written.append(folder)
            SmallCIFAR10(str(root))

    monkeypatch.setattr(cifar10_pictures, "_write_part", overtaken)
    assert len(SmallCIFAR10(str(root)).collection.names) == 140
    assert {path.name for path in root.iterdir()} == {"cifar-10-batches-py", "cifar-10-pictures"}


def test_missing_files_are_downloaded_on_request(root, tmp_path, monkeypatch):
    asked = []

    def download(url, download_root, filename, md5):
        asked.append((url, filename, md5))
        shutil.copytree(root / "cifar-10-batches-py", download_root / "cifar-10-batches-py")

    monkeypatch.setattr("torchvision.datasets.cifar.download_and_extract_archive", download)
    new = tmp_path / "new" / "folder"
    assert "no such folder" in refusal(new)
    assert not asked
    assert len(SmallCIFAR10(str(new), download=True).collection.names) == 140
    SmallCIFAR10(str(new), download=True)
    assert len(asked) == 1


def test_no_network_is_said_in_one_line(tmp_path, monkeypatch):
    def download(*_, **__):
        raise URLError("no route")

    monkeypatch.setattr("torchvision.datasets.cifar.download_and_extract_archive", download)
    message = refusal(tmp_path / "new", download=True)
    assert "cannot be downloaded (no route)" in message


def test_command_line_knows_it_and_its_protocols(root):
    parser = Parser()
    parser.add_lightning_class_args(PictureFolder, "data", subclass_mode=True)
    given = ["--data", "CIFAR10", f"--data.root={root}", "--data.batch_size=8"]
    config = parser.parse_args([*given, "--data.protocol=cifar10_59k"])
    settings = config.data.init_args
    assert (settings.protocol, settings.batch_size, settings.image_size) == ("cifar10_59k", 8, 224)
    for refused in ("protocol=paper", "database_share=0.5", "training_share=0.5"):
        with pytest.raises(InputError, match=refused.split("=")[0]) as error:
            parser.parse_args([*given, f"--data.{refused}"])
        assert "\n" not in str(error.value)
