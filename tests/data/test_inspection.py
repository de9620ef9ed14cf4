"""One look at every picture: facts, unreadable files, near duplicates."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dlheir.data import PictureFolder
from dlheir.data.collection import class_per_folder
from dlheir.data.inspection import PictureFacts, count_near_duplicates, inspect
from dlheir.errors import InputError


def scene(seed, width=90, height=60):
    """A picture with large and small structure, as photographs have."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (7, 9, 3), dtype=np.uint8))
    return coarse.resize((width, height), Image.Resampling.BICUBIC)


def facts_of(tmp_path, **pictures):
    """Facts of pictures by their names, read from files as a run does."""
    folder = tmp_path / "class"
    folder.mkdir()
    (tmp_path / "other").mkdir()
    for i in range(2):
        scene(1000 + i).save(tmp_path / "other" / f"{i}.png")
    for name, picture in pictures.items():
        picture.save(folder / f"{name}.jpg", quality=90)
    _, facts = inspect(class_per_folder(tmp_path), leave_out_unreadable=False)
    return {name: facts[f"class/{name}.jpg"] for name in pictures}


@pytest.fixture
def damaged(make_pictures):
    """Six good pictures, a truncated JPEG and a text called .jpg."""
    root = make_pictures({"a": 3, "b": 3})
    scene(0).save(root / "a" / "whole.jpg")
    content = (root / "a" / "whole.jpg").read_bytes()
    (root / "a" / "whole.jpg").unlink()
    (root / "a" / "cut.jpg").write_bytes(content[: len(content) // 2])
    (root / "b" / "text.jpg").write_text("no picture at all")
    return root


def test_facts(make_pictures):
    root = make_pictures({"a": 2, "b": 2})
    scene(0, 30, 70).save(root / "b" / "high.png")
    collection, facts = inspect(class_per_folder(root), leave_out_unreadable=False)
    assert collection == class_per_folder(root)
    assert sorted(facts) == sorted(collection.names)
    found = facts["b/high.png"]
    assert found.class_name == "b"
    assert found.longest_side == 70
    assert found.is_upright
    assert not facts["a/a0.png"].is_upright
    assert found.sha256 == hashlib.sha256((root / "b" / "high.png").read_bytes()).hexdigest()


def test_unreadable_pictures_stop_the_run_with_their_names(damaged):
    with pytest.raises(InputError) as error:
        PictureFolder(str(damaged))
    message = str(error.value)
    assert "2 unreadable: a/cut.jpg, b/text.jpg" in message
    assert "--data.leave_out_unreadable true" in message
    assert "\n" not in message


def test_unreadable_pictures_are_left_out_when_asked_to(damaged, capsys):
    data = PictureFolder(str(damaged), leave_out_unreadable=True)
    assert len(data.collection.names) == 6
    assert not {"a/cut.jpg", "b/text.jpg"} & set(data.split.database + data.split.queries)
    said = capsys.readouterr().err
    assert "a/cut.jpg" in said
    assert "b/text.jpg" in said


def test_class_that_loses_its_pictures_is_named(damaged):
    for name in ("b0.png", "b1.png"):
        (damaged / "b" / name).write_bytes(b"")
    with pytest.raises(InputError, match="class b has 1 readable pictures"):
        PictureFolder(str(damaged), leave_out_unreadable=True)


def test_any_failure_of_a_decoder_names_the_picture(make_pictures, monkeypatch):
    root = make_pictures({"a": 2, "b": 2})

    def stumble(_):
        raise EOFError("a decoder's own error")

    monkeypatch.setattr(Image, "open", stumble)
    with pytest.raises(InputError, match=r"4 unreadable: a/a0\.png"):
        inspect(class_per_folder(root), leave_out_unreadable=False)


def test_copies_of_a_scene_are_near_duplicates_and_others_are_not(tmp_path):
    original = scene(0)
    framed = original.copy()
    framed.paste((0, 0, 0), (0, 0, 3, 60))  # the black border of a slide
    facts = facts_of(
        tmp_path,
        original=original,
        smaller=original.resize((60, 40)),
        darker=original.point(lambda level: level * 0.7),
        cropped=original.crop((1, 1, 89, 59)),
        framed=framed,
        turned=original.rotate(180),
        upright=original.resize((60, 90)),
        another=scene(1),
    )
    for name, fact in facts.items():
        expected = name not in {"turned", "upright", "another"}
        assert count_near_duplicates([facts["original"]], [fact]) == expected, name


def test_pictures_of_one_brightness_are_no_near_duplicates(tmp_path):
    plain = Image.new("RGB", (50, 40), "blue")
    facts = facts_of(tmp_path, blue=plain, red=Image.new("RGB", (50, 40), "red"))
    assert count_near_duplicates([facts["blue"]], [facts["red"]]) == 0


@given(st.lists(st.integers(0, 9), min_size=1, max_size=600), st.integers(0, 9))
def test_each_query_counts_once(axes, stored):
    def fact(axis):
        return PictureFacts("c", "", 1, False, np.eye(10, dtype=np.float32)[axis])

    database = [fact(stored)] * 3
    assert count_near_duplicates(map(fact, axes), database) == axes.count(stored)
