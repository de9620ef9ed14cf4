"""The feature cache: what names a map, and that maps come back as they were."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dlheir.errors import InputError
from dlheir.features import FeatureCache, cache_folder
from dlheir.models import get_model

PRECISION = {"precision": "32-true"}


@pytest.fixture
def network(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    torch.manual_seed(0)
    return get_model("dlheir_nano", bits=8, num_classes=3, image_size=32)


def another(**settings):
    torch.manual_seed(0)
    given = {"name": "dlheir_nano", "bits": 8, "num_classes": 3, "image_size": 32} | settings
    return get_model(**given)


def test_the_folder_lies_in_the_users_cache(network, tmp_path):
    folder = cache_folder(network, PRECISION)
    assert folder.parent == tmp_path / "dlheir" / "features"
    assert folder == cache_folder(network, PRECISION)


@pytest.mark.parametrize(
    "settings",
    [{"bits": 12}, {"num_classes": 5}, {"hash_order": "pool_first"}, {"head": "class_code"}],
)
def test_what_comes_after_the_feature_maps_does_not_count(network, settings):
    assert cache_folder(another(**settings), PRECISION) == cache_folder(network, PRECISION)


@pytest.mark.parametrize("settings", [{"image_size": 48}, {"resize": "crop"}, {"replace_last": 2}])
def test_what_makes_other_feature_maps_counts(network, settings):
    assert cache_folder(another(**settings), PRECISION) != cache_folder(network, PRECISION)


def test_each_weight_and_statistic_of_the_backbone_counts(network):
    before = cache_folder(network, PRECISION)
    for name, value in network.features.state_dict().items():
        kept = value.clone()
        value.view(-1)[-1] += 1  # in place: state dicts share memory with the module
        assert cache_folder(network, PRECISION) != before, name
        value.copy_(kept)
    assert cache_folder(network, PRECISION) == before


def test_circumstances_and_normalisation_count(network):
    before = cache_folder(network, PRECISION)
    assert cache_folder(network, {"precision": "bf16-mixed"}) != before
    network.transform = replace(network.transform, mean=(0.5, 0.5, 0.5))
    assert cache_folder(network, PRECISION) != before


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_maps_come_back_as_they_were(tmp_path, dtype):
    pictures = [Path("a.png"), Path("b.png")]
    cache = FeatureCache(tmp_path / "maps", {pictures[0]: "aa11", pictures[1]: "bb22"})
    maps = torch.randn(2, 5, 3, 3).to(dtype).contiguous(memory_format=torch.channels_last)
    assert cache.missing(pictures) == pictures
    cache.write(pictures[1:], maps[1:])
    assert cache.missing(pictures) == pictures[:1]
    loaded = cache.load(pictures[1])
    assert loaded.dtype == torch.float32
    assert torch.equal(loaded, maps[1].float())


def test_a_picture_is_known_by_its_content(tmp_path):
    one, copy = Path("one.png"), Path("elsewhere/copy.png")
    cache = FeatureCache(tmp_path, {one: "aa11", copy: "aa11"})
    cache.write([one], torch.ones(1, 2, 1, 1))
    assert cache.missing([copy]) == []


def test_a_damaged_map_is_named(tmp_path):
    picture = Path("a.png")
    cache = FeatureCache(tmp_path, {picture: "aa11"})
    cache.write([picture], torch.ones(1, 2, 1, 1))
    place = tmp_path / "aa" / "aa11.npy"
    assert np.array_equal(np.load(place), np.ones((2, 1, 1)))
    place.write_bytes(place.read_bytes()[:-3])
    with pytest.raises(InputError, match=r"aa11\.npy.*remove it"):
        cache.load(picture)
