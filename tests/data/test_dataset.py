"""Pictures as batches: orders, devices, augmentation."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dlheir.data import Augmentation, PictureFolder
from dlheir.data.dataset import EpochSampler
from dlheir.errors import InputError
from dlheir.models import PictureTransform


def numbers(sampler, epoch=0):
    sampler.set_epoch(epoch)
    drawn = list(sampler)
    assert len(drawn) == len(sampler)
    assert {draw.epoch for draw in drawn} <= {epoch}
    return [draw.number for draw in drawn]


@given(size=st.integers(2, 60), seed=st.integers(0, 2**32), epoch=st.integers(0, 300))
def test_each_epoch_is_a_permutation_by_seed_and_epoch(size, seed, epoch):
    order = numbers(EpochSampler(size, shuffle=True, seed=seed), epoch)
    assert sorted(order) == list(range(size))
    assert numbers(EpochSampler(size, shuffle=True, seed=seed), epoch) == order
    if size > 20:
        assert numbers(EpochSampler(size, shuffle=True, seed=seed), epoch + 1) != order
        assert numbers(EpochSampler(size, shuffle=True, seed=seed + 1), epoch) != order


def test_without_shuffling_the_order_is_the_set_itself():
    assert numbers(EpochSampler(4, seed=5), 3) == [0, 1, 2, 3]


@given(
    size=st.integers(1, 40),
    devices=st.integers(1, 7),
    shuffle=st.booleans(),
    draws=st.none() | st.integers(1, 40),
)
def test_devices_share_the_padded_order(size, devices, shuffle, draws):
    draws = None if draws is None else min(draws, size)
    alone = numbers(EpochSampler(size, shuffle=shuffle, draws=draws))
    assert len(alone) == (draws or size)
    shares = [
        numbers(EpochSampler(size, shuffle=shuffle, draws=draws, rank=rank, devices=devices))
        for rank in range(devices)
    ]
    woven = [shares[i % devices][i // devices] for i in range(devices * len(shares[0]))]
    assert len(woven) - len(alone) in range(devices)
    assert woven == (alone * devices)[: len(woven)]


@pytest.fixture
def loaders_of(make_pictures):
    """The data module's loaders as some device of several sees them, without a Trainer."""

    def make(rank=0, devices=1, batch_size=8, **settings):
        settings = {"image_size": 32, "workers": 0, "batch_size": batch_size} | settings
        data = PictureFolder(str(root), **settings)
        data.trainer = SimpleNamespace(
            world_size=devices,
            global_rank=rank,
            lightning_module=SimpleNamespace(read_picture=PictureTransform(data.image_size).load),
            strategy=SimpleNamespace(root_device=torch.device("cpu")),
        )
        return data

    root = make_pictures({"a": 10, "b": 10, "c": 9})
    return make


def batches(loader, epoch=0):
    loader.sampler.set_epoch(epoch)
    return list(loader)


@pytest.mark.parametrize("batch_size", [4, 6, 8, 22])
def test_global_batches_do_not_depend_on_the_number_of_devices(loaders_of, batch_size):
    alone = batches(loaders_of(batch_size=batch_size).train_dataloader(), epoch=2)
    shares = [
        batches(loaders_of(rank, 2, batch_size).train_dataloader(), epoch=2) for rank in range(2)
    ]
    assert len(alone) == len(shares[0]) == len(shares[1]) == 23 // batch_size
    for batch, *parts in zip(alone, *shares, strict=True):
        assert len(batch.number) == batch_size
        together = sorted(n for part in parts for n in part.number.tolist())
        assert together == sorted(batch.number.tolist())


def test_batch_greater_than_the_training_set_takes_it_whole(loaders_of):
    (batch,) = batches(loaders_of(batch_size=64).train_dataloader())
    assert sorted(batch.number.tolist()) == list(range(23))


def test_batches_hold_pictures_labels_and_numbers(loaders_of):
    data = loaders_of(validation_share=0.25)
    loaders = [data.train_dataloader(), *data.val_dataloader(), *data.test_dataloader()]
    sides = [data.split.training, data.split.training, data.split.validation]
    sides += [data.split.database, data.split.queries]
    load = PictureTransform(32).load
    for loader, names in zip(loaders, sides, strict=True):
        for batch in batches(loader):
            assert batch.image.dtype == torch.uint8
            for image, label, number in zip(*batch, strict=True):
                name = names[number]
                assert torch.equal(image, load(data.collection.root / name))
                assert data.collection.classes[label] == name.split("/")[0]
    for loader, names in zip(loaders[1:], sides[1:], strict=True):
        assert [n for b in batches(loader) for n in b.number.tolist()] == list(range(len(names)))


def test_no_validation_part_no_validation_loader(loaders_of):
    assert loaders_of().val_dataloader() == []


def test_epochs_are_the_same_in_workers_and_after_resuming(loaders_of):
    settings = {"augmentation": Augmentation(flip=True, min_area=0.3, jitter=0.3, erase=0.5)}
    here = loaders_of(**settings).train_dataloader()
    first, second = batches(here, 0), batches(here, 1)
    torch.manual_seed(12345)
    resumed = batches(loaders_of(**settings, workers=1).train_dataloader(), 1)
    for expected, found in zip(second, resumed, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))
    assert not torch.equal(first[0].number, second[0].number)


def test_longest_side_of_the_collection(make_pictures):
    root = make_pictures({"a": 2, "b": 2}, side=35)
    assert PictureFolder(str(root), image_size="max").image_size == 35


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"batch_size": 1}, "batch_size is 1"),
        ({"image_size": 0}, "image_size is 0"),
        ({"seed": -1}, "seed_everything is -1"),
        ({"workers": -1}, "workers is -1"),
    ],
)
def test_arguments_out_of_range(make_pictures, settings, expected):
    with pytest.raises(InputError, match=expected):
        PictureFolder(str(make_pictures({"a": 2, "b": 2})), **settings)


def test_batch_that_devices_cannot_share(loaders_of):
    with pytest.raises(InputError, match="batch_size 8 cannot be shared by 3 devices"):
        loaders_of(devices=3).train_dataloader()


def test_loaders_need_a_trainer(make_pictures):
    data = PictureFolder(str(make_pictures({"a": 2, "b": 2})))
    with pytest.raises(RuntimeError, match="Trainer"):
        data.train_dataloader()


def test_labels_follow_the_sorted_classes(make_pictures):
    data = PictureFolder(str(make_pictures({"z": 2, "m": 3})))
    assert data.labels(("m/m0.png", "z/z1.png", "m/m2.png")) == [0, 1, 0]
    assert data.num_classes == 2
    assert np.array_equal(data.paths(("m/m0.png",)), [data.collection.root / "m" / "m0.png"])
