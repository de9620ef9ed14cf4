"""Colour histograms as IES-CBIR hides them, and ImageNet features with ITQ."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from painted import paint_pictures, prepared, write_backbone

from dlheir.baselines import get_system
from dlheir.baselines.hsv_histogram import BINS, CHANNELS, WHOLE, HistogramIndex, hsv_histogram
from dlheir.errors import InputError
from dlheir.models import PictureTransform

SIZE = CHANNELS * BINS
# Few values, so that many distances are equal.
HISTOGRAMS = hnp.arrays(np.uint16, (7, SIZE), elements=st.sampled_from([0, 1, 700, WHOLE]))


def test_the_histogram_of_one_colour_by_hand():
    """Pure red: hue 0 is bin 0; saturation and value 255 are bin floor(100 x 255 / 256) = 99."""
    histogram = hsv_histogram(np.full((5, 4, 3), (255, 0, 0), dtype=np.uint8))
    assert histogram.dtype == np.uint16
    assert np.flatnonzero(histogram).tolist() == [0, 199, 299]
    assert set(histogram[[0, 199, 299]]) == {WHOLE}


def test_the_histogram_of_two_colours_by_hand():
    """Three quarters black (0, 0, 0), one quarter grey 128: value bin floor(100 x 128 / 256) = 50.

    65535 x 3/4 = 49151.25, 65535 / 4 = 16383.75; both are rounded.
    """
    levels = np.zeros((2, 2, 3), dtype=np.uint8)
    levels[1, 1] = 128
    histogram = hsv_histogram(levels)
    assert np.flatnonzero(histogram).tolist() == [0, 100, 200, 250]
    assert histogram[[0, 100, 200, 250]].tolist() == [WHOLE, WHOLE, 49151, 16384]


def test_a_mirrored_picture_has_the_same_histogram():
    levels = np.random.default_rng(0).integers(0, 256, (30, 20, 3), dtype=np.uint8)
    assert np.array_equal(hsv_histogram(levels), hsv_histogram(levels[:, ::-1]))


def l1(first, second):
    return np.abs(first[:, None].astype(np.int64) - second[None].astype(np.int64)).sum(axis=2)


@given(HISTOGRAMS, st.integers(0, 2**32))
def test_distances_are_equal_before_and_after_the_permutation(histograms, seed):
    protected = get_system("hsv_histogram", seed=seed).trapdoors(histograms)
    assert np.array_equal(l1(protected, protected), l1(histograms, histograms))


def test_each_channel_is_permuted_within_itself():
    histogram = np.arange(SIZE, dtype=np.uint16)[None]
    protected = get_system("hsv_histogram", seed=0).trapdoors(histogram)[0]
    assert not np.array_equal(protected, histogram[0])
    for channel in range(CHANNELS):
        places = slice(channel * BINS, (channel + 1) * BINS)
        assert np.array_equal(np.sort(protected[places]), histogram[0, places])


@given(HISTOGRAMS, st.integers(1, 8), st.integers(0, 2**32))
def test_answers_are_those_of_plain_histograms_with_ties_by_row(histograms, k, seed):
    system = get_system("hsv_histogram", seed=seed)
    rows, scores = system.index(histograms).search(system.trapdoors(histograms), k)
    distances = l1(histograms, histograms)
    expected = np.argsort(distances, axis=1, kind="stable")[:, :k]
    assert np.array_equal(rows, expected)
    assert np.array_equal(scores, np.take_along_axis(distances, expected, axis=1) / WHOLE)


def test_more_queries_than_are_compared_at_once():
    histograms = np.random.default_rng(1).integers(0, WHOLE, (150, SIZE), dtype=np.uint16)
    rows, _ = HistogramIndex(histograms).search(histograms, 1)
    assert rows[:, 0].tolist() == list(range(150))


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return write_backbone(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return paint_pictures(tmp_path_factory.mktemp("pictures"), 40, size=64)


def pooled_features(system, paths):
    """As a user would write it: one picture at a time, the mean over places."""
    network = system._network
    transform = PictureTransform(64)
    with torch.no_grad():
        return np.stack(
            [network.features(transform(path)[None]).mean(dim=(2, 3))[0].numpy() for path in paths]
        )


def test_itq_codes_are_signs_of_rotated_principal_components(paths, backbone):
    """The projection spans the largest principal components, found here by a plain SVD."""
    system = prepared("imagenet_itq", paths, backbone, bits=8)
    features = pooled_features(system, paths).astype(np.float64)
    centred = features - features.mean(axis=0)
    components = np.linalg.svd(centred, full_matrices=False)[2][:8]
    projection = system._network.hash_layer.conv.weight[:, :, 0, 0].double().numpy()
    gram = projection @ projection.T  # a rotation, scaled
    assert np.allclose(gram, gram[0, 0] * np.eye(8), atol=1e-3 * gram[0, 0])
    outside = projection - projection @ components.T @ components
    assert np.linalg.norm(outside) < 1e-2 * np.linalg.norm(projection)
    margins = centred @ projection.T
    clear = np.abs(margins) > 1e-3 * np.abs(margins).max()
    codes = system.features(paths)
    assert clear.mean() > 0.95
    assert np.array_equal(codes[clear], (margins >= 0)[clear].astype(np.uint8))


def test_itq_protection_keeps_distances_and_hides_codes(paths, backbone):
    system = prepared("imagenet_itq", paths, backbone)
    codes = system.features(paths)
    protected = system.trapdoors(codes)
    assert not np.array_equal(protected, codes)
    assert np.array_equal(
        (protected[:, None] != protected).sum(axis=2), (codes[:, None] != codes).sum(axis=2)
    )


def test_itq_features_need_a_projection(paths, backbone):
    system = get_system("imagenet_itq", backbone="dlheir_nano", backbone_weights=str(backbone))
    with pytest.raises(InputError, match=r"call prepare\(pictures\) first"):
        system.features(paths)


def test_missing_weights_are_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.pth"):
        get_system("imagenet_itq", backbone_weights=str(tmp_path / "none.pth"))
