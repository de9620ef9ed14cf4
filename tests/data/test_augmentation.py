"""Training pictures varied as a function of (seed, epoch, number) alone."""

import pytest
import torch

from dlheir.data.augmentation import Augmentation, augment, mixed_seed
from dlheir.errors import InputError

PICTURE = torch.arange(3 * 32 * 32).remainder(251).to(torch.uint8).reshape(3, 32, 32)
STRONG = Augmentation(flip=True, min_area=0.2, jitter=0.5, erase=0.5).build(32)


def test_depends_on_seed_epoch_and_number():
    known = augment(STRONG, PICTURE, 1, 2, 3)
    for other in [(0, 2, 3), (1, 0, 3), (1, 2, 0), (2, 1, 3), (3, 2, 1)]:
        assert not torch.equal(augment(STRONG, PICTURE, *other), known)
    assert known.shape == PICTURE.shape
    assert known.dtype == torch.uint8


def test_depends_on_nothing_else_and_disturbs_no_random_state():
    known = augment(STRONG, PICTURE, 1, 2, 3)
    torch.manual_seed(99)
    expected = torch.rand(3)
    torch.manual_seed(99)
    assert torch.equal(augment(STRONG, PICTURE, 1, 2, 3), known)
    assert torch.equal(torch.rand(3), expected)


def test_gpus_are_not_seeded(monkeypatch):
    def fail(*_):
        raise AssertionError("seeded")

    monkeypatch.setattr(torch.cuda, "manual_seed_all", fail)
    augment(STRONG, PICTURE, 1, 2, 3)


def test_flip_mirrors_half_of_the_pictures_and_does_no_more():
    transform = Augmentation(flip=True).build(32)
    varied = [augment(transform, PICTURE, 0, 0, number) for number in range(200)]
    mirrored = sum(torch.equal(v, PICTURE.flip(-1)) for v in varied)
    kept = sum(torch.equal(v, PICTURE) for v in varied)
    assert mirrored + kept == 200
    assert 70 < mirrored < 130  # 100 +- 4.2 standard deviations


def test_nothing_asked_for_changes_nothing():
    transform = Augmentation(flip=False).build(32)
    assert torch.equal(augment(transform, PICTURE, 0, 0, 0), PICTURE)


@pytest.mark.parametrize(
    "settings",
    [{"min_area": 0}, {"min_area": 1.1}, {"jitter": -0.1}, {"jitter": 1.5}, {"erase": 2}],
)
def test_arguments_out_of_range(settings):
    (name,) = settings
    with pytest.raises(InputError, match=f"augmentation.{name} is"):
        Augmentation(**settings)


def test_mixed_seeds_do_not_collide():
    grid = [(a, b, c) for a in range(20) for b in range(40) for c in range(100)]
    grid += [(a, b) for a in range(20) for b in range(100)] + [(a,) for a in range(100)]
    assert len({mixed_seed(*numbers) for numbers in grid}) == len(grid)


def test_mixed_seeds_are_unrelated_and_fit_63_bits():
    seeds = [mixed_seed(0, i) for i in range(2000)]
    assert all(0 <= seed < 2**63 for seed in seeds)
    for bit in range(63):
        assert 850 < sum(seed >> bit & 1 for seed in seeds) < 1150  # +- 6.7 standard deviations


def test_mixed_seed_is_splitmix64():
    # First output of the reference generator for state 0, halved (Vigna, splitmix64.c).
    assert mixed_seed(0) == 0xE220A8397B1DCDAF >> 1
