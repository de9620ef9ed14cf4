"""The predicted class as the code, against Gaussians' densities."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dlheir.errors import InputError
from dlheir.models.class_code import ClassCode
from dlheir.objectives import get_objective, hash_centres


def solve(features, labels, classes, bits=12, **options):
    layer = ClassCode(features.shape[1], bits, classes)
    objective = get_objective("predicted_class", bits, classes, **options)
    objective.solve(features, labels, layer, torch.Generator())
    return layer


def overlapping(seed, classes=4, channels=5):
    """Classes of different sizes that overlap, with correlated features."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.cat([torch.full((5 + 9 * c,), c) for c in range(classes)])
    centres = torch.randn(classes, channels, generator=generator)
    noise = torch.randn(len(labels), channels, generator=generator)
    mixing = torch.randn(channels, channels, generator=generator)
    return centres[labels] + noise @ mixing, labels


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 1000), shrinkage=st.sampled_from([0.01, 0.1, 0.7, 1.0]))
def test_the_class_of_the_largest_posterior(seed, shrinkage):
    features, labels = overlapping(seed)
    layer = solve(features, labels, 4, shrinkage=shrinkage)
    x, y = features.double().numpy(), labels.numpy()
    means = np.stack([x[y == c].mean(axis=0) for c in range(4)])
    within = sum((y == c).mean() * np.cov(x[y == c].T, bias=True) for c in range(4))
    shrunk = (1 - shrinkage) * within + shrinkage * np.trace(within) / 5 * np.eye(5)
    off = x[:, None] - means
    posterior = -np.einsum("nci,ij,ncj->nc", off, np.linalg.inv(shrunk), off) / 2
    posterior += np.log(np.bincount(y) / len(y))
    logits = layer.conv(features[:, :, None, None])[:, :, 0, 0].detach().double().numpy()
    # Both are log posteriors but for what is the same for all classes.
    difference = logits - posterior
    np.testing.assert_allclose(difference, difference[:, :1].repeat(4, axis=1), atol=2e-3)


def test_by_hand():
    # Within classes the variance is 1 along the first feature and 4 along the second; the means
    # are (0, 0) and (2, 0): the border is at 1 where the classes are of one size.
    around = torch.tensor([[1.0, 2.0], [1.0, -2.0], [-1.0, 2.0], [-1.0, -2.0]])
    features = torch.cat([around, around + torch.tensor([2.0, 0.0])])
    labels = torch.tensor([0] * 4 + [1] * 4)
    layer = solve(features, labels, 2, bits=4, shrinkage=0.5)
    # S = 1/2 diag(1, 4) + 1/2 (5 / 2) I = diag(1.75, 3.25).
    expected = torch.tensor([[0.0, 0.0], [2 / 1.75, 0.0]])
    torch.testing.assert_close(layer.conv.weight[:, :, 0, 0].detach(), expected)
    half = torch.log(torch.tensor(0.5)).item()
    expected = torch.tensor([half, half - 2 / 1.75])
    torch.testing.assert_close(layer.conv.bias.detach(), expected)
    pictures = torch.tensor([[0.9, 50.0], [1.1, -50.0]])[:, :, None, None]
    codes = (layer(pictures) >= 0.5).to(torch.uint8)
    assert torch.equal(codes, hash_centres(2, 4))


def test_the_codes_are_the_centres():
    features, labels = overlapping(0)
    layer = solve(100 * torch.nn.functional.one_hot(labels, 5).float() + features, labels, 4)
    codes = (layer(100 * torch.eye(5)[:4, :, None, None]) >= 0.5).to(torch.uint8)
    assert torch.equal(codes, hash_centres(4, 12))


def test_one_picture_of_each_class_makes_it_the_nearest():
    features = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 3.0]])
    layer = solve(features, torch.arange(3), 3)
    near = (features + 0.5)[:, :, None, None]
    assert layer.conv(near).argmax(dim=1).flatten().tolist() == [0, 1, 2]


def test_a_class_without_pictures():
    features, labels = overlapping(0)
    with pytest.raises(InputError, match="class 4 has no training picture"):
        solve(features, labels, 6)
