"""How many pictures a second a network takes on this machine."""

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from dlheir.models import HashingNetwork


@dataclass(frozen=True)
class Speed:
    """Pictures a second, the median of some repeats after one that does not count.

    Attributes:
        inference_images_per_second: forward pass in eval mode without gradients.
        training_images_per_second: forward pass, backward pass through all layers, and a step of
            SGD with momentum. Pictures are there already: no decoding.
        batch_size: pictures of a batch.
        repeats: batches that were timed of each kind.
        device: "cuda" or "cpu".
        threads: of a CPU.
    """

    inference_images_per_second: float
    training_images_per_second: float
    batch_size: int
    repeats: int
    device: str
    threads: int

    def as_dict(self) -> dict[str, int | float | str]:
        """Return the attributes by name."""
        return asdict(self)


def measure_speed(network: HashingNetwork, image_size: int, batch_size: int, repeats: int) -> Speed:
    """Time a network on the GPU if there is one, else on the CPU, in float32.

    The network is trained on noise, and so of no use afterwards.

    Args:
        network: laid out in memory as training does it, channels last.
        image_size: the side S in pixels.
        batch_size: pictures of a batch, at least 2, as a batch norm in training mode may need.
        repeats: batches to time of each kind.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network.to(device).to(memory_format=torch.channels_last)
    images = torch.randn(batch_size, 3, image_size, image_size, device=device)
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.arange(batch_size, device=device) % network.classifier.out_features
    return Speed(
        batch_size / _seconds(_inference(network, images), repeats),
        batch_size / _seconds(_training_step(network, images, labels), repeats),
        batch_size,
        repeats,
        device,
        torch.get_num_threads(),
    )


def _inference(network: nn.Module, images: torch.Tensor) -> Callable[[], None]:
    network.eval()

    def infer() -> None:
        with torch.inference_mode():
            network(images)

    return infer


def _training_step(
    network: nn.Module, images: torch.Tensor, labels: torch.Tensor
) -> Callable[[], None]:
    network.train()
    optimiser = torch.optim.SGD(network.parameters(), lr=1e-6, momentum=0.9)

    def step() -> None:
        optimiser.zero_grad()
        torch.autograd.backward(cross_entropy(network(images), labels))
        optimiser.step()

    return step


def _seconds(work: Callable[[], None], repeats: int) -> float:
    """Median duration; the first one, in which kernels are chosen and memory is taken, is lost."""
    durations = []
    for _ in range(1 + repeats):
        began = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        durations.append(time.perf_counter() - began)
    return statistics.median(durations[1:])
