"""What the tests of several objectives share."""

import torch
from torch import nn

from dlheir.objectives import ClosedForm, get_objective, list_objectives, objective_class

TRAINED = [name for name in list_objectives() if not issubclass(objective_class(name), ClosedForm)]
CLOSED = [name for name in list_objectives() if name not in TRAINED]
BITS = (12, 24, 32, 48)


def activations_with(outputs):
    """Activations whose values before the sigmoid are these."""
    return torch.as_tensor(outputs, dtype=torch.float64).sigmoid()


def no_classifier(activations):
    raise AssertionError("this objective has no use for the classifier")


def hidden_classes(seed=0):
    """90 pictures of 3 classes that 2 of 20 features tell apart, below the others' noise."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(90) % 3
    features = 3 * torch.randn(90, 20, generator=generator)
    angles = labels * 2 * torch.pi / 3
    corners = torch.stack([angles.cos(), angles.sin()], dim=1)
    features[:, :2] = 3 * corners + 0.1 * torch.randn(90, 2, generator=generator)
    return features, labels


def distances(codes, labels):
    """Mean Hamming distance within classes and between them."""
    apart = (codes[:, None] != codes).sum(dim=2).double()
    alike = labels[:, None] == labels
    others = ~torch.eye(len(labels), dtype=torch.bool)
    return apart[alike & others].mean().item(), apart[~alike].mean().item()


def learned_codes(name, steps, bits=12, seed=0):
    """Codes of a linear layer after some steps on `hidden_classes`, and the classes."""
    torch.manual_seed(seed)
    features, labels = hidden_classes(seed)
    objective = get_objective(name, bits, 3)
    layer, classifier = nn.Linear(20, bits), nn.Linear(bits, 3)
    parameters = [*layer.parameters(), *classifier.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.02, momentum=0.9)
    for step in range(steps):
        objective.advance(step / steps)
        loss = objective(layer(features).sigmoid(), labels, classifier)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return layer(features).sigmoid() >= 0.5, labels
