"""The ConvNeXt-Tiny trunk (Liu et al., 2022)."""

from torchvision.models import ConvNeXt_Tiny_Weights, convnext_tiny

from dlheir.models.backbone import Backbone, register_with_tail

register_with_tail(
    "convnext_tiny",
    Backbone(convnext_tiny, channels=768, units={"7.0": 768, "7.1": 768, "7.2": 768}),
    pretrained=ConvNeXt_Tiny_Weights.DEFAULT,
)
