"""ResNet trunks (He et al., 2016)."""

from torchvision.models import (
    ResNet18_Weights,
    ResNet50_Weights,
    ResNet101_Weights,
    resnet18,
    resnet50,
    resnet101,
)

from dlheir.models.backbone import Backbone, register_with_tail

register_with_tail(
    "resnet18",
    Backbone(resnet18, channels=512, units={"layer4.1": 512}),
    pretrained=ResNet18_Weights.DEFAULT,
    prefix="",
)

# One bottleneck block has fewer parameters than an inverted residual block of 2048 channels: the
# tail replaces both that keep the side.
_BOTTLENECKS = {"layer4.1": 2048, "layer4.2": 2048}
register_with_tail(
    "resnet50",
    Backbone(resnet50, channels=2048, units=_BOTTLENECKS),
    pretrained=ResNet50_Weights.DEFAULT,
    prefix="",
    replace_last=2,
)
register_with_tail(
    "resnet101",
    Backbone(resnet101, channels=2048, units=_BOTTLENECKS),
    pretrained=ResNet101_Weights.DEFAULT,
    prefix="",
    replace_last=2,
)
