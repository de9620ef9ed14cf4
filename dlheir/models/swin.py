"""The Swin-T trunk, whole or with the last blocks replaced (Liu et al., 2021)."""

from torch import Tensor, nn
from torchvision.models import Swin_T_Weights
from torchvision.models.swin_transformer import PatchMerging, SwinTransformerBlock
from torchvision.ops import Permute

from dlheir.models.checks import check_integer
from dlheir.models.inverted_residual import InvertedResidual
from dlheir.models.registry import register_model
from dlheir.models.trunk import Trunk

PATCH = 4  # side of a patch in pixels
WINDOW = 7  # side of an attention window in places
STEM_CHANNELS = 96  # each stage has twice as many as the one before
BLOCKS = (2, 2, 6, 2)  # of each stage
HEADS = (3, 6, 12, 24)  # of attention, in each stage
STRIDE = PATCH << (len(BLOCKS) - 1)
DROP_PATH = 0.2  # of the last block; it grows linearly from 0 at the first


def without_prefix(state: dict[str, Tensor], features: nn.Module) -> dict[str, Tensor]:  # noqa: ARG001
    """Name `features.0...` and `norm...` of torchvision's state dict as the trunk does."""
    return {key.removeprefix("features."): value for key, value in state.items()}


@register_model(
    "swin_t", pretrained=Swin_T_Weights.DEFAULT, prefix="", adapt_weights=without_prefix
)
@register_model(
    "swin_t_ir",
    tail="inverted_residual",
    pretrained=Swin_T_Weights.DEFAULT,
    prefix="",
    adapt_weights=without_prefix,
)
def swin_t(
    *, tail: str, replace_last: int = 1, expansion: int = 1, block_channels: int = 512
) -> Trunk:
    """Build torchvision's Swin-T from its own blocks, without the classifier.

    Pictures of any side from 32 px are taken: windows are padded. In place of the last block, the
    tail saves 22 % of the parameters and 7 % of the multiply-accumulates at 224 px; in place of
    both blocks of the last stage, 48 % and 14 %, but then no attention is left at this resolution.

    Args:
        tail: "none" for all blocks and the final norm; "inverted_residual" for one inverted
            residual block in place of the last blocks and the norm.
        replace_last: blocks of the last stage that the tail replaces, 0 ... 2.
        expansion: expansion of the inverted residual block.
        block_channels: output channels of the inverted residual block.

    Raises:
        InputError: an option is out of range.
    """
    channels = STEM_CHANNELS << (len(BLOCKS) - 1)
    to_maps = Permute([0, 3, 1, 2])  # torchvision's blocks have the channels last
    if tail == "none":
        features = _stages(BLOCKS)
        features.add_module("norm", nn.LayerNorm(channels))
        features.add_module("permute", to_maps)
        return Trunk(features, channels, STRIDE)
    *first, last = BLOCKS
    check_integer("replace_last", replace_last, low=0, high=last)
    check_integer("expansion", expansion, low=1)
    check_integer("block_channels", block_channels, low=1)
    features = _stages((*first, last - replace_last))
    features.add_module("permute", to_maps)
    block = InvertedResidual(channels, block_channels, expansion)
    return Trunk(features, block_channels, STRIDE, tail=block)


def _stages(blocks: tuple[int, ...]) -> nn.Sequential:
    """Return torchvision's `features`: the stem, and stages with a merging of patches between."""
    channels = STEM_CHANNELS
    stem = (nn.Conv2d(3, channels, PATCH, PATCH), Permute([0, 2, 3, 1]), nn.LayerNorm(channels))
    features = nn.Sequential(nn.Sequential(*stem))
    before = 0
    for stage, count in enumerate(blocks):
        if stage > 0:
            features.append(PatchMerging(channels))
            channels *= 2
        features.append(
            nn.Sequential(*(_block(channels, stage, number, before) for number in range(count)))
        )
        before += count
    _initialise(features)
    return features


def _block(channels: int, stage: int, number: int, before: int) -> SwinTransformerBlock:
    shift = WINDOW // 2 if number % 2 else 0  # every second block moves the windows
    return SwinTransformerBlock(
        channels,
        HEADS[stage],
        window_size=[WINDOW, WINDOW],
        shift_size=[shift, shift],
        stochastic_depth_prob=DROP_PATH * (before + number) / (sum(BLOCKS) - 1),
    )


def _initialise(features: nn.Module) -> None:
    """Initialise as torchvision's SwinTransformer does."""
    for module in features.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
