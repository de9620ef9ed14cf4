"""Training steps as a program of its own, which says how much memory they took at most.

Its argument is a JSON object, the fields of `Step`; it prints a number of bytes.
"""

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy
from torch.optim import SGD

from dlheir.errors import WorkError
from dlheir.memory import keep_freed_memory
from dlheir.models import get_model

BITS, CLASSES = 48, 50


@dataclass(frozen=True)
class Step:
    """What a training step goes over.

    Attributes:
        network: name of the network.
        image_size: side of the pictures in pixels.
        batch: pictures of the step, at least 1.
        bf16: whether it runs under autocast to bfloat16.
        memory_efficient: the network's option.
    """

    network: str
    image_size: int
    batch: int
    bf16: bool = False
    memory_efficient: bool = False


def peak_bytes(step: Step) -> int:
    """Take a step in a process of its own and return the most memory that it had, in bytes.

    On a GPU that is what torch allocated, without CUDA's own; on a CPU what the process has beyond
    what it had before there was a network.

    Raises:
        WorkError: it failed, as where memory does not suffice.
    """
    command = [sys.executable, "-m", "dlheir.benchmarks.training_step", json.dumps(asdict(step))]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        last = (ended.stderr.strip().splitlines() or ["nothing said"])[-1]
        raise WorkError(f"{step}: exit code {ended.returncode}: {last}")
    return int(ended.stdout)


def _peak_of(step: Step) -> int:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    before = 0 if device.type == "cuda" else _bytes_in_use("VmRSS")
    keep_freed_memory()  # as training does
    network = get_model(
        step.network,
        bits=BITS,
        num_classes=CLASSES,
        image_size=step.image_size,
        memory_efficient=step.memory_efficient,
    )
    network.to(device).to(memory_format=torch.channels_last).train()
    optimizer = SGD(network.parameters(), lr=0.01, momentum=0.9)
    # From the second step on there is the optimizer's momentum.
    for batch in (min(2, step.batch), step.batch):
        images = torch.zeros(batch, 3, step.image_size, step.image_size, device=device)
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16, enabled=step.bf16):
            logits = network(images)
        loss = cross_entropy(logits.float(), torch.zeros(batch, dtype=torch.long, device=device))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return _bytes_in_use("VmHWM") - before


def _bytes_in_use(which: str) -> int:
    """Bytes of this process in memory: "VmRSS" now, "VmHWM" at most.

    Linux counts a parent's memory into a child's `ru_maxrss`, but not into these.
    """
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (found,) = (line.split()[1] for line in lines if line.startswith(f"{which}:"))
    return 1024 * int(found)


if __name__ == "__main__":
    sys.stdout.write(f"{_peak_of(Step(**json.loads(sys.argv[1])))}\n")
