"""Networks for deep hashing, in plain PyTorch."""

# Importing a backbone's file registers its models.
from dlheir.models import (  # noqa: F401
    alexnet,
    convnext,
    densenet,
    efficientnet,
    inception,
    mobilenet,
    regnet,
    resnet,
    shufflenet,
    squeezenet,
    swin,
    vgg,
    vit,
)
from dlheir.models.factory import get_model, load_checkpoint
from dlheir.models.hash_layer import HashLayer
from dlheir.models.inverted_residual import InvertedResidual
from dlheir.models.network import HashingNetwork
from dlheir.models.registry import list_models, register_model
from dlheir.models.transform import PictureTransform

__all__ = [
    "HashLayer",
    "HashingNetwork",
    "InvertedResidual",
    "PictureTransform",
    "get_model",
    "list_models",
    "load_checkpoint",
    "register_model",
]
