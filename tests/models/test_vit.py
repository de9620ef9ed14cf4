"""ViT-B/16 against torchvision's own."""

import pytest
import torch
from torchvision.models import vision_transformer

from dlheir.errors import InputError
from dlheir.models import get_model, vit
from dlheir.models.registry import find_entry
from dlheir.models.weights import load_backbone

POSITIONS = "encoder.pos_embedding"


def own_vit(image_size=224):
    """Torchvision's own ViT-B/16, but of as many layers as ours has."""
    return vision_transformer.VisionTransformer(
        image_size, 16, vit.LAYERS, num_heads=12, hidden_dim=768, mlp_dim=3072
    ).eval()


@pytest.fixture(scope="module", autouse=True)
def two_layers():
    """Two layers show all that twelve do, in a sixth of the time."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(vit, "LAYERS", 2)
        yield


@pytest.fixture(scope="module")
def torchvisions(two_layers):
    torch.manual_seed(0)
    return own_vit()


@pytest.fixture(scope="module")
def published(torchvisions, tmp_path_factory):
    """A state dict file as torchvision publishes it: with the head, and keys of an older age."""
    state = torchvisions.state_dict()
    for new, old in (("mlp.0.", "mlp.linear_1."), ("mlp.3.", "mlp.linear_2.")):
        state = {key.replace(new, old): value for key, value in state.items()}
    assert "encoder.layers.encoder_layer_0.mlp.linear_1.weight" in state
    path = tmp_path_factory.mktemp("weights") / "vit_b_16.pth"
    torch.save(state, path)
    return path


def torchvisions_patch_tokens(model, images):
    """What the encoder of torchvision makes of the patches, (B, S/16 * S/16, 768)."""
    encoded = []
    handle = model.encoder.register_forward_hook(lambda *call: encoded.append(call[2]))
    with torch.no_grad():
        model(images)
    handle.remove()
    return encoded[0][:, 1:]


def test_feature_maps_are_torchvisions_patch_tokens(torchvisions, published):
    network = get_model("vit_b_16", backbone_weights=published).eval()
    images = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        maps = network.features(images)
    assert maps.shape == (2, 768, 14, 14)
    tokens = torchvisions_patch_tokens(torchvisions, images)
    assert torch.equal(maps[:, :, 3, 5], tokens[:, 3 * 14 + 5])
    assert torch.equal(maps.flatten(2).transpose(1, 2), tokens)


@pytest.mark.parametrize("image_size", [96, 384])
def test_another_size_is_torchvisions_own_interpolation(torchvisions, published, image_size):
    larger = own_vit(image_size)
    state = vision_transformer.interpolate_embeddings(image_size, 16, torchvisions.state_dict())
    larger.load_state_dict(state)
    network = get_model("vit_b_16", image_size=image_size, backbone_weights=published).eval()
    images = torch.randn(1, 3, image_size, image_size)
    with torch.no_grad():
        maps = network.features(images)
    assert torch.equal(maps.flatten(2).transpose(1, 2), torchvisions_patch_tokens(larger, images))


def test_the_embeddings_given_stay_as_they_are(torchvisions):
    features = find_entry("vit_b_16").build("none", 32, {}).features
    state = torchvisions.state_dict()
    fitted = find_entry("vit_b_16").adapt_weights(state, features)
    assert fitted[POSITIONS].shape == (1, 5, 768)
    assert state[POSITIONS].shape == (1, 197, 768)


def test_whole_it_has_the_layers_that_are_published(monkeypatch):
    monkeypatch.setattr(vit, "LAYERS", 12)
    with torch.device("meta"):
        ours = get_model("vit_b_16").features.state_dict()
        theirs = vision_transformer.vit_b_16().state_dict()
    shapes = {key: value.shape for key, value in theirs.items() if not key.startswith("heads.")}
    assert {key: value.shape for key, value in ours.items()} == shapes


def test_it_starts_as_torchvisions(torchvisions):
    features = get_model("vit_b_16", image_size=32).features
    ours, theirs = features.state_dict(), torchvisions.state_dict()
    assert ours.keys() == {key for key in theirs if not key.startswith("heads.")}
    for key in ours.keys() - {POSITIONS}:
        assert ours[key].std().item() == pytest.approx(theirs[key].std().item(), rel=0.05, abs=1e-6)
    assert not features.conv_proj.bias.any()


def test_every_parameter_is_trained_at_a_small_size():
    network = get_model("vit_b_16", bits=8, num_classes=3, image_size=48)
    network(torch.randn(2, 3, 48, 48)).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.parametrize("image_size", [40, 97])
def test_side_that_patches_do_not_fill(image_size):
    with pytest.raises(InputError, match=f"multiple of 16 .*'vit_b_16', not {image_size}$"):
        get_model("vit_b_16", image_size=image_size)


def test_no_layers_to_replace():
    with pytest.raises(InputError, match="use 'none'"):
        get_model("vit_b_16", image_size=32, tail="inverted_residual")


def message_of_loading(tmp_path, state):
    torch.save(state, tmp_path / "other.pth")
    entry = find_entry("vit_b_16")
    with pytest.raises(InputError) as caught:
        load_backbone(entry.build("none", 32, {}).features, entry, tmp_path / "other.pth")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_positions_that_are_missing_or_no_square(tmp_path, torchvisions):
    state = torchvisions.state_dict()
    whole = state.pop(POSITIONS)
    assert f"values missing (1): {POSITIONS}" in message_of_loading(tmp_path, state)
    message = message_of_loading(tmp_path, state | {POSITIONS: whole[:, :-1]})
    assert f"{POSITIONS} of shape (1, 196, 768)" in message
    message = message_of_loading(tmp_path, state | {POSITIONS: whole[..., :192]})
    assert f"{POSITIONS} (1, 5, 192) instead of (1, 5, 768)" in message
