"""ITQ, against the paper's steps in numpy."""

import itertools

import numpy as np
import pytest
import torch

from dlheir.errors import InputError
from dlheir.models.hash_layer import HashLayer
from dlheir.objectives import get_objective
from dlheir.objectives.itq import next_rotation, principal_components, random_rotation

BITS, CHANNELS = 6, 15


@pytest.fixture
def features():
    generator = torch.Generator().manual_seed(4)
    mixing = torch.randn(CHANNELS, CHANNELS, generator=generator)
    return 2 + torch.randn(200, CHANNELS, generator=generator) @ mixing


def by_numpy(features, rotation, iterations):
    """Projections (N, BITS) of the paper's algorithm from one rotation."""
    centred = features - features.mean(axis=0)
    _, _, components = np.linalg.svd(centred, full_matrices=False)
    projected = centred @ components[:BITS].T
    for _ in range(iterations):
        codes = np.where(projected @ rotation >= 0, 1, -1)
        left, _, right = np.linalg.svd(codes.T @ projected)
        rotation = right.T @ left.T
    return projected @ rotation


@pytest.mark.parametrize("iterations", [0, 1, 50])
def test_against_numpy(features, iterations):
    layer = HashLayer(CHANNELS, BITS, "pool_first").eval()
    objective = get_objective("itq", BITS, 3, iterations=iterations)
    no_labels = torch.empty(0, dtype=torch.int64)
    objective.solve(features, no_labels, layer, torch.Generator().manual_seed(9))
    # A component's sign is free: take the rotation as it acts on numpy's components.
    rotation = random_rotation(BITS, torch.Generator().manual_seed(9)).numpy()
    data = features.double().numpy()
    centred = data - data.mean(axis=0)
    _, _, rows = np.linalg.svd(centred, full_matrices=False)
    ours = principal_components(torch.from_numpy(centred), BITS).numpy()
    signs = np.sign((ours * rows[:BITS].T).sum(axis=0))
    expected = by_numpy(data, signs[:, None] * rotation, iterations)
    expected /= np.sqrt((expected**2).mean())
    activations = layer(features[:, :, None, None])
    np.testing.assert_allclose(activations.logit().detach(), expected, rtol=1e-3, atol=1e-3)
    clear = np.abs(expected) > 1e-4
    assert (((activations >= 0.5).numpy() == (expected >= 0)) | ~clear).all()


def test_the_error_never_rises_and_the_rotation_stays_one(features):
    centred = (features - features.mean(dim=0)).double()
    projected = centred @ principal_components(centred, BITS)
    rotation = random_rotation(BITS, torch.Generator().manual_seed(1))
    errors = []
    for _ in range(30):
        turned = projected @ rotation
        codes = torch.where(turned >= 0, 1.0, -1.0).double()
        errors.append((codes - turned).square().sum().item())
        torch.testing.assert_close(rotation @ rotation.T, torch.eye(BITS).double())
        rotation = next_rotation(projected, rotation)
    assert all(later <= earlier + 1e-9 for earlier, later in itertools.pairwise(errors))
    assert errors[-1] < 0.999 * errors[0]


def test_components_are_of_the_largest_variances(features):
    centred = (features - features.mean(dim=0)).double()
    components = principal_components(centred, BITS)
    torch.testing.assert_close(components.T @ components, torch.eye(BITS).double())
    variances = (centred @ components).var(dim=0)
    expected = np.sort(np.linalg.eigvalsh(np.cov(centred.numpy().T)))[::-1][:BITS]
    np.testing.assert_allclose(variances, expected, rtol=1e-9)


def test_more_bits_than_features(features):
    layer = HashLayer(CHANNELS, 16, "pool_first")
    with pytest.raises(InputError, match="bits is 16; itq has no more bits than the 15"):
        get_objective("itq", 16, 3).solve(features, torch.empty(0), layer, torch.Generator())
