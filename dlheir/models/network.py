"""The network: trunk, hash layer and classifier."""

from typing import Any

import torch
from torch import Tensor, nn

from dlheir.models.checks import check_choice
from dlheir.models.class_code import ClassCode
from dlheir.models.hash_layer import HashLayer
from dlheir.models.transform import PictureTransform
from dlheir.models.trunk import Trunk

HEADS = ("hash_layer", "class_code")


class HashingNetwork(nn.Module):
    """A classifier whose last hidden layer is the code (section 3.3.2, Figure 2).

    For retrieval call `eval()` first: in training mode batch norm uses the batch's own statistics,
    and a picture's code depends on the pictures beside it.

    Attributes:
        features: the backbone's layers, which backbone weights fill.
        tail: what replaces the backbone's last layers (`nn.Identity` if nothing does).
        hash_layer: feature maps to activations: a `HashLayer`, or a `ClassCode`.
        classifier: activations to logits. The softmax is in the objective.
        threshold: (bits,) float32, the threshold th of eq. (7) of each bit; 0.5 unless training
            sets it. It is part of the state dict.
        transform: a picture to the tensor that the network was trained on.
        settings: plain values with which `get_model(**settings)` builds the same network again.
    """

    threshold: Tensor

    def __init__(
        self,
        trunk: Trunk,
        bits: int,
        num_classes: int,
        transform: PictureTransform,
        settings: dict[str, Any],
    ) -> None:
        super().__init__()
        self.features = trunk.features
        self.tail = trunk.tail
        self.hash_layer: nn.Module
        if check_choice("head", settings["head"], HEADS) == "class_code":
            self.hash_layer = ClassCode(trunk.channels, bits, num_classes)
        else:
            self.hash_layer = HashLayer(trunk.channels, bits, settings["hash_order"])
        self.classifier = nn.Linear(bits, num_classes)
        self.register_buffer("threshold", torch.full((bits,), 0.5))
        self.transform = transform
        self.settings = settings

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (B, num_classes) of (B, 3, H, W) normalised images."""
        logits: Tensor = self.classifier(self.activations(images))
        return logits

    def activations(self, images: Tensor) -> Tensor:
        """Return the pooled hash layer, (B, bits) in (0, 1): AP in section 3.3.2."""
        return self.activations_of(self.features(images))

    def activations_of(self, feature_maps: Tensor) -> Tensor:
        """Return the activations (B, bits) of what `features` made of images, (B, c, h, w)."""
        activations: Tensor = self.hash_layer(self.tail(feature_maps))
        return activations

    @torch.no_grad()
    def codes(self, images: Tensor) -> Tensor:
        """Return the codes of images, (B, bits) uint8 in {0, 1}."""
        return self.binarize(self.activations(images))

    def binarize(self, activations: Tensor) -> Tensor:
        """Return the codes of activations: a bit is 1 where AP_i >= th, eq. (7).

        Args:
            activations: (..., bits).

        Returns:
            The same shape, uint8 in {0, 1}.
        """
        return (activations >= self.threshold).to(torch.uint8)
