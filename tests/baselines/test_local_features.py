"""Key points, visual words, and the systems of Qin et al. that are made of them."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from painted import paint_pictures, prepared
from PIL import Image

from dlheir.baselines import get_system
from dlheir.baselines.keypoints import DESCRIPTOR, MOST_KEY_POINTS, harris, root, sift
from dlheir.baselines.visual_words import VisualWords
from dlheir.data.gallery import render
from dlheir.errors import InputError

DETECTORS = pytest.mark.parametrize("detect", [sift, harris])
SYSTEMS = pytest.mark.parametrize("name", ["qin", "qin_harris"])


def noise(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@DETECTORS
@pytest.mark.parametrize("shape", [(64, 64), (1, 1), (2, 300), (300, 2)])
def test_a_uniform_picture_has_no_key_point(detect, shape):
    found = detect(np.full((*shape, 3), 90, dtype=np.uint8))
    assert found.shape == (0, DESCRIPTOR)
    assert found.dtype == np.float32


@DETECTORS
def test_descriptors_have_length_one(detect):
    found = detect(render(0, 0, 0, 160))
    assert found.dtype == np.float32
    assert len(found) > 50
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-4)


@DETECTORS
def test_large_pictures_are_shrunk_to_512_pixels(detect):
    """Each pixel four times over: averaged again, it is the picture of 512 pixels."""
    picture = render(0, 1, 0, 512)
    large = picture.repeat(2, axis=0).repeat(2, axis=1)
    assert np.array_equal(detect(large), detect(picture))


@DETECTORS
def test_key_points_are_capped(detect):
    """16,384 squares of 4 pixels each have more."""
    squares = noise(128, 128).repeat(4, axis=0).repeat(4, axis=1)
    found = detect(squares)
    assert MOST_KEY_POINTS <= len(found) <= MOST_KEY_POINTS + 10  # some may share a contrast


def test_a_square_has_four_harris_corners():
    square = np.zeros((100, 100, 3), dtype=np.uint8)
    square[30:70, 30:70] = 255
    # Each corner's response has a plateau, of which corners 3 pixels apart are taken.
    assert 4 <= len(harris(square)) <= 16
    assert len(harris(square[:50, :50])) < len(harris(square))


def test_descriptors_become_square_roots_of_shares():
    assert root(None).shape == (0, DESCRIPTOR)
    described = np.zeros((2, DESCRIPTOR), dtype=np.float32)
    described[0, :2] = 3, 1  # shares 3/4 and 1/4
    rooted = root(described)
    assert rooted[0, :3].tolist() == pytest.approx([np.sqrt(0.75), 0.5, 0])
    assert not rooted[1].any()


POINTS = np.eye(3, dtype=np.float32) * 10  # three words, far apart


def words_by_hand():
    """Two training pictures: one shows words 0 and 1, the other word 0 alone."""
    first, second = POINTS[[0, 0, 0, 1]], POINTS[[0, 0]]
    return VisualWords([first, second], words=2, random=np.random.default_rng(0))


def test_words_and_their_weights_by_hand():
    """Word 0 is in both pictures, rarity ln(2/2) = 0; word 1 in one of two, ln(2/1).

    Roots are sqrt(1/4 ln 2) and 0 for word 1, so their mean is half of the first.
    """
    words = words_by_hand()
    order = words.centres[:, 0].argsort()[::-1]  # word 0 has the larger first coordinate
    assert np.allclose(words.centres[order], POINTS[:2], atol=1e-5)
    assert words.rarity[order].tolist() == pytest.approx([0, np.log(2)])
    mean = np.sqrt(np.log(2) / 4) / 2
    assert words.mean[order].tolist() == pytest.approx([0, mean])
    counts = np.stack([words.counts(POINTS[[1, 0, 0, 1]]), words.counts(POINTS[:0])])
    assert counts[:, order].tolist() == [[2, 2], [0, 0]]
    expected = [[0, np.sqrt(np.log(2) / 2) - mean], [0, 0]]  # nothing shown weighs nothing
    assert words.weights(counts)[:, order] == pytest.approx(np.array(expected))


def test_there_are_no_more_words_than_descriptors():
    words = VisualWords([POINTS[:1], POINTS[1:]], words=200, random=np.random.default_rng(0))
    assert len(words.centres) == 3


@given(st.permutations(range(6)))
def test_the_order_of_descriptors_does_not_matter(order):
    shown = POINTS[[0, 1, 1, 0, 0, 1]]
    words = words_by_hand()
    assert np.array_equal(words.counts(shown[order]), words.counts(shown))


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return paint_pictures(tmp_path_factory.mktemp("pictures"), 16, size=160)


def test_a_turned_picture_finds_itself_by_sift(paths, tmp_path):
    """By more bits than any other picture: SIFT's patches turn with the picture."""
    system = prepared("qin", paths, None)
    turned = [tmp_path / path.name for path in paths]
    for path, copy in zip(paths, turned, strict=True):
        Image.open(path).rotate(90).save(copy)
    index = system.index(system.features(paths))
    rows, scores = index.search(system.trapdoors(system.features(turned)), 2)
    assert rows[:, 0].tolist() == list(range(len(paths)))
    assert (scores[:, 0] < scores[:, 1]).all()


@SYSTEMS
def test_a_picture_without_key_points_has_a_code_of_zeros(name, paths, tmp_path):
    system = prepared(name, paths, None)
    uniform = tmp_path / "uniform.png"
    Image.new("RGB", (50, 40), "teal").save(uniform)
    features = system.features([uniform])
    assert not features.any()
    assert not system.trapdoors(features).any()


@SYSTEMS
def test_codes_have_the_length_asked_for(name, paths):
    system = prepared(name, paths, None, words=30, bits=72)
    features = system.features(paths[:3])
    assert features.shape == (3, 30)
    assert system.trapdoors(features).shape == (3, 72)


@SYSTEMS
def test_nothing_is_learned_from_uniform_pictures(name, tmp_path):
    uniform = tmp_path / "uniform.png"
    Image.new("RGB", (50, 40), "teal").save(uniform)
    with pytest.raises(InputError, match="none of 1 training pictures has a key point"):
        get_system(name).prepare([uniform])


@SYSTEMS
def test_features_need_a_codebook(name, paths):
    with pytest.raises(InputError, match=r"call prepare\(pictures\) first"):
        get_system(name).features(paths)


@SYSTEMS
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"words": 1}, "words is 1; it must be a whole number from 2 to 10000"),
        ({"bits": 0}, "bits is 0; it must be a whole number from 1 to 4096"),
        ({"bits": "48"}, "bits is '48'; it must be"),
        ({"words": True}, "words is True; it must be"),
    ],
)
def test_options_out_of_range_are_refused(name, options, message):
    with pytest.raises(InputError, match=message):
        get_system(name, **options)


@SYSTEMS
def test_missing_opencv_is_said_at_once(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(InputError, match=r"pip install 'dlheir\[baselines\]'"):
        get_system(name)
