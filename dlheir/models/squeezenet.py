"""The SqueezeNet 1.1 trunk (Iandola et al., 2016)."""

from torchvision.models import SqueezeNet1_1_Weights, squeezenet1_1

from dlheir.models.backbone import Backbone, register_with_tail

register_with_tail(
    "squeezenet1_1",
    # The fire modules after the last pooling.
    Backbone(
        squeezenet1_1,
        channels=512,
        units={"9": 256, "10": 384, "11": 384, "12": 512},
        stride=16,
        unit_stride=16,
    ),
    pretrained=SqueezeNet1_1_Weights.DEFAULT,
    replace_last=2,
    block_channels=256,
)
