"""The network as one graph from a picture's levels to its code."""

import copy

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram, export

from dlheir.models import HashingNetwork

INPUT = "levels"


class Hashing(nn.Module):
    """What is exported: a copy of a network in eval mode on the CPU, its normalisation included.

    Args:
        network: stays as it is.
    """

    def __init__(self, network: HashingNetwork) -> None:
        super().__init__()
        # Contiguous: another layout of the weights would be part of the graph.
        self.network = copy.deepcopy(network).cpu().to(memory_format=torch.contiguous_format)
        self.eval()

    def forward(self, levels: Tensor) -> tuple[Tensor, Tensor]:
        """Return activations and codes.

        Args:
            levels: (B, 3, S, S) uint8, as the transform's `load` gives them.

        Returns:
            (B, bits) float32 in (0, 1) and (B, bits) uint8 in {0, 1}.
        """
        activations = self.network.activations(self.network.transform.normalize(levels))
        return activations, self.network.binarize(activations)


@torch.no_grad()
def trace(hashing: Hashing) -> ExportedProgram:
    """Take down the graph, for batches of any size.

    The names of this machine's source files, which torch keeps of every step, are left out.
    """
    side = hashing.network.transform.image_size
    example = torch.zeros(2, 3, side, side, dtype=torch.uint8)  # torch takes a 1 for fixed
    program = export(hashing, (example,), dynamic_shapes={INPUT: {0: Dim("batch")}})
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)
    return program
