"""The ViT-B/16 trunk (Dosovitskiy et al., 2021)."""

import math
import re
from collections import OrderedDict

import torch
from torch import Tensor, nn
from torchvision.models import ViT_B_16_Weights
from torchvision.models.vision_transformer import Encoder, interpolate_embeddings

from dlheir.errors import InputError
from dlheir.models.registry import register_model
from dlheir.models.trunk import Trunk

PATCH = 16  # side of a patch in pixels
CHANNELS = 768
LAYERS = 12
HEADS = 12
MLP_CHANNELS = 3072
POSITIONS = "encoder.pos_embedding"

# torchvision's files say `mlp.linear_1` and `mlp.linear_2` where its modules now say `mlp.0` and
# `mlp.3` (torchvision.models.vision_transformer.MLPBlock).
_OLD_MLP_KEY = re.compile(r"\bmlp\.linear_([12])\.")


class PatchFeatures(nn.Module):
    """torchvision's VisionTransformer without the head, as feature maps.

    The hash layer takes a value of every place, so the maps are the patch tokens after the
    encoder's last norm. The class token, which only the head reads, takes part in the attention,
    as the weights were trained, and is then dropped.

    Args:
        image_size: side S of the pictures in pixels, a multiple of 16; no others are taken.
    """

    def __init__(self, image_size: int) -> None:
        super().__init__()
        self.image_size = image_size
        self.conv_proj = nn.Conv2d(3, CHANNELS, kernel_size=PATCH, stride=PATCH)
        self.class_token = nn.Parameter(torch.zeros(1, 1, CHANNELS))
        self.encoder = Encoder(
            seq_length=(image_size // PATCH) ** 2 + 1,
            num_layers=LAYERS,
            num_heads=HEADS,
            hidden_dim=CHANNELS,
            mlp_dim=MLP_CHANNELS,
            dropout=0.0,
            attention_dropout=0.0,
        )
        # As torchvision starts it: 1 / sqrt(fan-in).
        nn.init.trunc_normal_(self.conv_proj.weight, std=math.sqrt(1 / (3 * PATCH**2)))
        nn.init.zeros_(self.conv_proj.bias)  # type: ignore[arg-type]  # it has one

    def forward(self, images: Tensor) -> Tensor:
        """Map (B, 3, S, S) to (B, 768, S/16, S/16)."""
        patches: Tensor = self.conv_proj(images)
        class_tokens = self.class_token.expand(images.shape[0], -1, -1)
        tokens = torch.cat([class_tokens, patches.flatten(2).transpose(1, 2)], dim=1)
        encoded: Tensor = self.encoder(tokens)[:, 1:]
        return encoded.transpose(1, 2).reshape(patches.shape)


def fit_published(state: dict[str, Tensor], features: nn.Module) -> dict[str, Tensor]:
    """Rename old keys, and interpolate the position embeddings to the features' own size.

    Args:
        state: torchvision's state dict of a ViT-B/16 for pictures of any size.
        features: the `PatchFeatures` to fill.

    Raises:
        InputError: the position embeddings are not those of a square.
    """
    assert isinstance(features, PatchFeatures)  # as this module registers it
    named = OrderedDict(
        (_OLD_MLP_KEY.sub(_new_mlp_key, key), value) for key, value in state.items()
    )
    if POSITIONS not in named:
        return named  # which then is said to be missing
    try:
        return dict(interpolate_embeddings(features.image_size, PATCH, named))
    except ValueError as error:
        shape = tuple(named[POSITIONS].shape)
        raise InputError(
            f"position embeddings {POSITIONS} of shape {shape} do not fit: "
            "they must be those of a class token and a square of patches"
        ) from error


def _new_mlp_key(old: re.Match[str]) -> str:
    return "mlp.0." if old[1] == "1" else "mlp.3."


# No tail: its layers are all alike, and one of the twelve holds 7 % of the parameters. There is no
# last stage, wide and at a low resolution, that one convolution could stand for.
@register_model(
    "vit_b_16",
    pretrained=ViT_B_16_Weights.DEFAULT,
    prefix="",
    adapt_weights=fit_published,
    side_multiple=PATCH,
)
def vit_b_16(image_size: int) -> Trunk:
    """Build ViT-B/16 for pictures of one size."""
    return Trunk(PatchFeatures(image_size), CHANNELS, PATCH)
