"""What one network costs."""

from dataclasses import asdict, dataclass

from torch import nn

from dlheir.complexity.memory import activation_bytes
from dlheir.complexity.operations import fvcore_operations, multiply_accumulates
from dlheir.complexity.paper_units import keras_parameters, profiler_operations


@dataclass(frozen=True)
class Complexity:
    """What a network costs.

    Attributes:
        parameters: as torch counts them, weights and biases, frozen ones too.
        keras_parameters: as Keras' `count_params()`: the running mean and variance of batch norms
            count too, so that a batch norm has 4 per channel.
        macs: multiply-accumulates for one picture of convolutions, linear layers and the products
            of attention.
        fvcore_macs: fvcore's total, which adds normalisations (2 per element of a batch norm, 5
            of a layer norm) and adaptive average pooling; fused attention, which it does not
            know, is added.
        activation_bytes: what one more picture in a batch adds to training's memory in float32,
            see `dlheir.complexity.memory`.
        paper_parameters: Table 2's "Parameters", `keras_parameters` in units of 1e5.
        paper_mflops: Table 2's "MFLOPs", what TensorFlow 1's profiler counts on the training graph
            in units of 1e6. It is no inference cost and does not depend on the image size.
    """

    parameters: int
    keras_parameters: int
    macs: int
    fvcore_macs: int
    activation_bytes: int
    paper_parameters: float
    paper_mflops: float

    def as_dict(self) -> dict[str, int | float]:
        """Return the attributes by name."""
        return asdict(self)


def measure(network: nn.Module, image_size: int) -> Complexity:
    """Count a network's parameters, its work on one picture and the memory of training on it.

    Args:
        network: takes (B, 3, S, S). It stays as it is.
        image_size: the side S in pixels.
    """
    picture = (1, 3, image_size, image_size)
    by_keras = keras_parameters(network)
    return Complexity(
        parameters=sum(p.numel() for p in network.parameters()),
        keras_parameters=by_keras,
        macs=multiply_accumulates(network, *picture),
        fvcore_macs=sum(fvcore_operations(network, *picture).values()),
        activation_bytes=activation_bytes(network, image_size),
        paper_parameters=by_keras / 1e5,
        paper_mflops=profiler_operations(network) / 1e6,
    )
