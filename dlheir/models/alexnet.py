"""The AlexNet trunk (Krizhevsky, "One weird trick for parallelizing CNNs", 2014)."""

from torchvision.models import AlexNet_Weights, alexnet

from dlheir.models.backbone import Backbone, register_with_tail

register_with_tail(
    "alexnet",
    # The last three convolutions; the network pools after them.
    Backbone(alexnet, channels=256, units={"6": 192, "8": 384, "10": 256}, unit_stride=16),
    pretrained=AlexNet_Weights.DEFAULT,
    smallest_side=63,
)
