"""GoogLeNet and Inception v3 trunks (Szegedy et al., 2015 and 2016), without auxiliary heads."""

from functools import partial

from torchvision.models import GoogLeNet_Weights, Inception_V3_Weights, googlenet, inception_v3

from dlheir.models.backbone import Backbone, register_with_tail

# Their weights come from TensorFlow, where pictures were scaled to -1 ... 1. torchvision normalises
# with ImageNet's mean and standard deviation, and undoes it in the networks' `transform_input`:
# ((x - 0.485) / 0.229) * (0.229 / 0.5) + (0.485 - 0.5) / 0.5 = (x - 0.5) / 0.5.
HALF = (0.5, 0.5, 0.5)
LICENCE = "BSD-3-Clause (torchvision), converted from TensorFlow's (Apache-2.0)"

register_with_tail(
    "googlenet",
    Backbone(
        partial(googlenet, aux_logits=False, init_weights=True),
        channels=1024,
        units={"inception5a": 832, "inception5b": 832},
    ),
    pretrained=GoogLeNet_Weights.DEFAULT,
    licence=LICENCE,
    prefix="",
    mean=HALF,
    std=HALF,
)
register_with_tail(
    "inception_v3",
    Backbone(
        partial(inception_v3, aux_logits=False, init_weights=True),
        channels=2048,
        units={"Mixed_7b": 1280, "Mixed_7c": 2048},
    ),
    pretrained=Inception_V3_Weights.DEFAULT,
    licence=LICENCE,
    prefix="",
    mean=HALF,
    std=HALF,
    smallest_side=75,
)
