"""A checkpoint alone: its classifier spells out what the codes of each class look like."""

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from dlheir.errors import InputError

_PICTURES = 40  # a class
_STEEPNESS = 4.0  # the weights' deviations to log odds; a typical bit is then wrong in one of 12


def codes_from_checkpoint(
    class_weights: ArrayLike, random: Generator
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Imagine codes of labelled pictures without having one.

    * The attacker has the network with its classifier, as training leaves it, and no picture.
    * They want what own pictures would give them: the result serves `dictionary_attack` and
      `cluster_matching_attack` as own codes and labels.
    * In `plain` and `keyed` mode, on pictures of the classes that the network was trained on.

    The classifier adds up the activations behind the bits, weighted by class: a bit with a high
    weight for a class was trained to be set in its codes. Each bit is drawn with log odds in
    proportion to its weight.

    Args:
        class_weights: (classes, bits), the classifier's weights.
        random: draws the bits.

    Returns:
        codes (40 * classes, bits) in {0, 1} and labels, which are rows of `class_weights`.

    Raises:
        InputError: on another shape.
    """
    weights = np.asarray(class_weights, dtype=np.float64)
    if weights.ndim != 2 or weights.size == 0:
        raise InputError(f"class weights: shape {weights.shape}, expected (classes, bits)")
    likely = 1 / (1 + np.exp(-_STEEPNESS * weights / max(weights.std(), 1e-12)))
    labels = np.repeat(np.arange(len(weights)), _PICTURES)
    codes = random.random((len(labels), weights.shape[1])) < likely[labels]
    return codes.astype(np.uint8), labels
