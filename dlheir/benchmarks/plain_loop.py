"""The loop that a user of torchvision would write, as a program that a benchmark keeps running.

It hashes in the main process, picture after picture and batch after batch, with nothing of ours but
the network's layers. It is a process of its own because what a hasher sets for its whole process
(`keep_freed_memory`) would make this one faster, too.

Its argument is a JSON object, the fields of `Setting`. Each line it reads is the name of a part of
the work; it answers with a line, "ready", when that is done.
"""

import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from types import TracebackType

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision import transforms

from dlheir.errors import WorkError
from dlheir.models import load_checkpoint

READY = "ready"


@dataclass(frozen=True)
class Setting:
    """How a plain loop goes.

    Attributes:
        weights: path of a published checkpoint.
        pictures: folder of JPEG files, hashed in the order of their names.
        activations: path of the .npy file to write after "everything": (N, bits) float32.
        batch: pictures at once.
        bf16: whether the network runs under autocast to bfloat16.
        channels_last: whether network and images have that memory format.
        compiled: whether the network is compiled.
    """

    weights: str
    pictures: str
    activations: str
    batch: int = 32
    bf16: bool = False
    channels_last: bool = False
    compiled: bool = False


class PlainLoop(AbstractContextManager["PlainLoop"]):
    """The program at the other end of two pipes."""

    def __init__(self, setting: Setting) -> None:
        """Start it; it begins when it is first asked for work."""
        command = [sys.executable, "-m", "dlheir.benchmarks.plain_loop"]
        self._process = Popen(
            [*command, json.dumps(asdict(setting))], stdin=PIPE, stdout=PIPE, text=True
        )

    def run(self, part: str) -> None:
        """Have one part of the work done: "everything", "decode", "resize" or "network".

        Raises:
            WorkError: the program ended instead.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            print(part, file=self._process.stdin, flush=True)
            answer = self._process.stdout.readline().strip()
        except BrokenPipeError:
            answer = ""
        if answer != READY:
            raise WorkError(f"the plain loop failed at {part!r}; what it said stands above")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


class _Loop:
    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._format = torch.channels_last if setting.channels_last else torch.contiguous_format
        network = load_checkpoint(Path(setting.weights)).to(self._device)
        network = network.to(memory_format=self._format)
        self._network: Callable[[Tensor], Tensor] = network.activations
        if setting.compiled:
            self._network = torch.compile(network.activations)
        side, transform = network.transform.image_size, network.transform
        self._transform = transforms.Compose(
            [
                transforms.Resize((side, side)),
                transforms.ToTensor(),
                transforms.Normalize(transform.mean, transform.std),
            ]
        )
        paths = sorted(Path(setting.pictures).glob("*.jpg"))
        step = setting.batch
        self._batches = [paths[start : start + step] for start in range(0, len(paths), step)]
        # What "resize" and "network" begin with.
        self._decoded = [_decode(paths) for paths in self._batches]
        self._images = [self._resize(pictures) for pictures in self._decoded]

    def run(self, part: str) -> None:
        works: dict[str, Callable[[], object]] = {
            "everything": self._everything,
            "decode": lambda: [_decode(paths) for paths in self._batches],
            "resize": lambda: [self._resize(pictures) for pictures in self._decoded],
            "network": lambda: [self._hash(images) for images in self._images],
        }
        works[part]()

    def _everything(self) -> None:
        found = [self._hash(self._resize(_decode(paths))) for paths in self._batches]
        np.save(self._setting.activations, torch.cat(found).numpy())

    def _resize(self, pictures: list[Image.Image]) -> Tensor:
        return torch.stack([self._transform(picture) for picture in pictures])

    def _hash(self, images: Tensor) -> Tensor:
        images = images.to(self._device, memory_format=self._format)
        with torch.no_grad(), torch.autocast(self._device, torch.bfloat16, self._setting.bf16):
            return self._network(images).float().cpu()


def _decode(paths: list[Path]) -> list[Image.Image]:
    return [Image.open(path).convert("RGB") for path in paths]


def _main() -> None:
    loop = _Loop(Setting(**json.loads(sys.argv[1])))
    for line in sys.stdin:
        loop.run(line.strip())
        sys.stdout.write(READY + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _main()
