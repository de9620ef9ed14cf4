"""Pairs of pictures within a batch."""

import torch
from torch import Tensor


def pairs_of(labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """All unordered pairs of different pictures.

    Args:
        labels: (B,) int64.

    Returns:
        Row of the first picture, row of the second, both (P,) int64 with P = B (B - 1) / 2, and
        whether the two are of one class, (P,) bool.
    """
    first, second = torch.triu_indices(len(labels), len(labels), offset=1, device=labels.device)
    return first, second, labels[first] == labels[second]


def mean_of(values: Tensor) -> Tensor:
    """The mean of (P,) values, 0 where there is none, as in a batch of one picture."""
    return values.sum() / max(len(values), 1)


def weighted_mean(values: Tensor, similar: Tensor, similar_weight: float) -> Tensor:
    """The mean of (P,) values in which each similar pair counts `similar_weight` times."""
    weights = torch.ones_like(values).masked_fill(similar, similar_weight)
    return (weights * values).sum() / weights.sum().clamp(min=min(similar_weight, 1.0))
