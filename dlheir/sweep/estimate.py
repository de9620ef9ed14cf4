"""How long a sweep will take: from its finished cells, or from one step that is tried out."""

import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch

from dlheir.complexity.operations import multiply_accumulates
from dlheir.memory import keep_freed_memory
from dlheir.models import HashingNetwork, get_model
from dlheir.sweep.attempts import read_attempts
from dlheir.sweep.cells import Cell
from dlheir.sweep.ledger import Standing, State

# Forward, back to the inputs and back to the weights.
PASSES_OF_TRAINING = 3
# Multiply-accumulates of the step that is tried out, unless its batch gets too small or too large:
# a few seconds on one core, in any memory.
PROBE_MACS = 20e9
SMALLEST_PROBE = 4
# How often it is tried; the fastest counts, as other work on the machine comes and goes.
PROBES = 3
MIXED = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}
# What a run takes besides: imports, the look at the pictures, sealing and opening.
SECONDS_AROUND = 10.0


@dataclass(frozen=True)
class Estimate:
    """How long what is left will take.

    Attributes:
        seconds: Of all cells that are left, one after the other.
        basis: What it was estimated from.
    """

    seconds: float
    basis: str


def estimate(
    rows: Sequence[tuple[Cell, Standing]], left: Sequence[Cell], threads: int, *, on_gpu: bool
) -> Estimate:
    """Estimate the time that cells need.

    A cell is taken to need time in proportion to its multiply-accumulates: what one picture costs
    the network, times the pictures that it trains on and hashes. Layers that are frozen count, too:
    before the first cell is finished, the estimate of such runs is too long.

    Args:
        rows: All cells of the sweep and how they stand.
        left: Those to run, one or more.
        threads: Threads that a run has.
        on_gpu: Whether runs have a GPU.
    """
    total = sum(map(_work, left))
    finished = [(cell, standing) for cell, standing in rows if standing.state is State.DONE]
    if finished:
        rate = statistics.median(_seconds(*row) / _work(row[0]) for row in finished)
        return Estimate(rate * total, f"{len(finished)} finished cells")
    device = "cuda" if on_gpu and torch.cuda.is_available() else "cpu"
    seconds = _probe(left[0], threads, device) * total + SECONDS_AROUND * len(left)
    return Estimate(seconds, f"one step of {left[0].id} on this machine's {device}")


def _work(cell: Cell) -> float:
    """Multiply-accumulates of a cell, those of training and those of its test."""
    pictures = PASSES_OF_TRAINING * cell.epochs * cell.training_pictures + cell.tested_pictures
    return pictures * _macs(_model_key(cell))


def _seconds(cell: Cell, standing: Standing) -> float:
    assert cell.run is not None
    assert standing.results is not None
    attempts = read_attempts(cell.run)  # none where the run was made without a sweep
    return sum(a.seconds for a in attempts) or sum(standing.results["timing"].values())


def _probe(cell: Cell, threads: int, device: str) -> float:
    """Seconds that one multiply-accumulate takes in a training step of a cell."""
    assert cell.config is not None
    torch.set_num_threads(threads)
    keep_freed_memory()
    key = _model_key(cell)
    batch_size: int = cell.config["data"]["init_args"]["batch_size"]
    batch = min(max(int(PROBE_MACS / _macs(key)), SMALLEST_PROBE), batch_size)
    network = _network(key).to(device).to(memory_format=torch.channels_last)
    images = torch.zeros(batch, 3, cell.image_size, cell.image_size, device=device)
    images = images.contiguous(memory_format=torch.channels_last)
    mixed = MIXED.get(str(cell.config["trainer"]["precision"]))
    with torch.autocast(device, dtype=mixed, enabled=mixed is not None):
        seconds = min(_seconds_of_step(network, images) for _ in range(PROBES))
    return seconds / (PASSES_OF_TRAINING * batch * _macs(key))


def _seconds_of_step(network: HashingNetwork, images: torch.Tensor) -> float:
    began = time.perf_counter()
    torch.autograd.backward(network(images).sum())
    if images.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - began


def _model_key(cell: Cell) -> str:
    """What decides the work of one picture, as text; bits hardly do."""
    assert cell.config is not None
    model = cell.config["model"]
    settings = {key: model[key] for key in ("name", "tail")} | (model["options"] or {})
    return json.dumps(settings | {"image_size": cell.image_size}, sort_keys=True)


@cache
def _macs(model_key: str) -> int:
    with torch.device("meta"):
        network = _network(model_key)
    side = network.settings["image_size"]
    return multiply_accumulates(network, 1, 3, side, side)


def _network(model_key: str) -> HashingNetwork:
    return get_model(**json.loads(model_key))
