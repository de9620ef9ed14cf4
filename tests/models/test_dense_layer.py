"""Dense layers that recompute: the same training in less memory."""

import pytest
import torch

from dlheir.complexity.memory import activation_bytes
from dlheir.models import get_model


def same_networks(name):
    """A plain one and a frugal one, from the same seed."""
    networks = []
    for memory_efficient in (False, True):
        torch.manual_seed(0)
        network = get_model(
            name, bits=8, num_classes=3, image_size=64, memory_efficient=memory_efficient
        )
        networks.append(network.train())
    return networks


def trained(network, forward, precision):
    """Take two steps; return all logits, the last gradients and the state dict."""
    images = torch.randn(2, 4, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    logits = []
    for batch in images:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            logits.append(forward(batch))
        torch.nn.functional.cross_entropy(logits[-1], torch.tensor([0, 1, 2, 0])).backward()
        optimizer.step()
    gradients = {name: weight.grad for name, weight in network.named_parameters()}
    return logits, gradients, network.state_dict()


@pytest.mark.parametrize(
    ("name", "precision"),
    [("dlheir_nano", "fp32"), ("dlheir_nano", "bf16"), ("densenet121", "fp32")],
)
def test_recomputing_changes_neither_gradients_nor_statistics(name, precision):
    plain, frugal = same_networks(name)
    expected = trained(plain, plain, precision)
    found = trained(frugal, frugal, precision)
    torch.testing.assert_close(found, expected)
    assert list(found[2]) == list(expected[2])
    norm = frugal.features.denseblock1.denselayer1.norm1
    assert norm.num_batches_tracked == 2
    assert norm.running_mean.abs().max() > 0


@pytest.mark.filterwarnings("ignore")  # the compiler's
def test_compiled_recomputing_changes_neither():
    plain, frugal = same_networks("dlheir_nano")
    expected = trained(plain, plain, "fp32")
    compiled = torch.compile(frugal, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(trained(frugal, compiled, "fp32"), expected)


def test_statistics_that_are_loaded_between_two_steps_count():
    """The buffers are the network's own again after a step, and not copies of them."""
    _, frugal = same_networks("dlheir_nano")
    norm = frugal.features.denseblock1.denselayer1.norm1
    held = norm.running_mean
    trained(frugal, frugal, "fp32")
    assert norm.running_mean is held


def test_most_of_the_activations_go():
    plain, frugal = (activation_bytes(network, 64) for network in same_networks("densenet121"))
    assert frugal < plain / 2
