"""Hashing pictures as `dlheir store add` does, against the loop that a user would write.

Networks have random weights, which cost what trained ones do; pictures are painted JPEGs of
384x256. The codes of both have to be the same but where rounding can turn a bit.
"""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dlheir.benchmarks.alternately import Work, side_by_side
from dlheir.benchmarks.figure import Figure
from dlheir.benchmarks.jpegs import write_jpegs
from dlheir.benchmarks.plain_loop import PlainLoop, Setting
from dlheir.console import console
from dlheir.decoding import decoded
from dlheir.errors import WorkError
from dlheir.hashing import Hasher, hash_pictures, open_hasher
from dlheir.machine import usable_cores
from dlheir.models import HashingNetwork, get_model, load_checkpoint
from dlheir.models.published import write_published
from dlheir.store.owner import Picture

BITS, CLASSES = 48, 50
TARGET = 2.0
REPEATS = 3
# Bits whose activation is nearer to the threshold may fall otherwise: sums round in another order.
ROUNDING = 1e-4
_PLAIN = "plain loop, batch of 32"
# What the plain loop could be made faster by, and the precision of ours beside it.
_VARIANTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("fp32", "plain loop, batch of 16", {"batch": 16}),
    ("fp32", "plain loop, channels_last", {"channels_last": True}),
    ("bf16", "plain loop, bf16", {"bf16": True}),
    ("bf16", "plain loop, bf16 and channels_last", {"bf16": True, "channels_last": True}),
)
_COMPILED = ("fp32", "plain loop, compiled", {"compiled": True})


@dataclass(frozen=True)
class Case:
    """What is hashed.

    Attributes:
        network: name of the network.
        side: side of its pictures in pixels.
        pictures: how many; those of one measurement take a second or so.
        apart: whether decoding, resizing and the network are measured apart, too, and the plain
            loop's variants.
        compiled: whether a compiled one is among these: compiling takes a minute or more.
    """

    network: str
    side: int
    pictures: int
    apart: bool = False
    compiled: bool = False


QUICK = (Case("mobilenet_v2", 224, 32, apart=True), Case("dlheir", 224, 32))
WHOLE = (
    Case("mobilenet_v2", 224, 64, apart=True, compiled=True),
    Case("dlheir", 224, 32, apart=True),
    Case("densenet201", 224, 32),
    Case("mobilenet_v2", 384, 32),
    Case("dlheir", 384, 32),
)


def measure(quick: bool) -> list[Figure]:
    """Measure each case.

    Args:
        quick: two networks at 224 pixels; else also at 384, and against a compiled loop.

    Raises:
        WorkError: ours has other codes than the plain loop.
    """
    found: list[Figure] = []
    for case in QUICK if quick else WHOLE:
        with TemporaryDirectory() as folder:
            console.print(f"Hashing by {case.network} at {case.side} pixels")
            found += figures_of(case, Path(folder), REPEATS)
    return found


def figures_of(case: Case, folder: Path, repeats: int) -> Iterator[Figure]:
    """Measure one case in an empty folder.

    Raises:
        WorkError: ours has other codes than the plain loop.
    """
    paths = write_jpegs(folder / "pictures", case.pictures)
    weights = folder / "model.safetensors"
    network = _network(case, paths)
    write_published(weights, network.settings, network.state_dict(), {})
    setting = Setting(str(weights), str(folder / "pictures"), str(folder / "activations.npy"))
    pictures = [Picture(path.name, path) for path in paths]
    title = f"{case.network} at {case.side}: {case.pictures} pictures"
    compare = partial(side_by_side, repeats=repeats)

    hasher = open_hasher(str(weights))
    ours = partial(hash_pictures, hasher, pictures)

    with PlainLoop(setting) as plain:
        everything = partial(plain.run, "everything")
        everything()
        check_codes(ours().codes, setting)
        whole = compare(title, ours, everything, against=_PLAIN, target=TARGET)
        yield whole
        for who, seconds in (("ours", whole.ours), ("plain loop", whole.other)):
            assert seconds is not None
            rate = case.pictures / seconds
            yield Figure(f"{title}, {who}", rate, "pictures/s", ours=seconds, repeats=repeats)
        if case.apart:
            for part, work in _parts(hasher, paths):
                other = partial(plain.run, part)
                yield compare(f"{title}, {part} alone", work, other, against=_PLAIN)
    variants = _VARIANTS if case.apart else ()
    if case.compiled and shutil.which("g++"):
        variants += (_COMPILED,)
    for precision, against, options in variants:
        ours = partial(hash_pictures, open_hasher(str(weights), precision), pictures)
        with PlainLoop(replace(setting, **options)) as plain:
            other = partial(plain.run, "everything")
            yield compare(f"{title}, {precision}", ours, other, against=against)


def check_codes(codes: NDArray[np.uint8], setting: Setting) -> None:
    """Hold codes (N, bits) to what a plain loop has just found.

    Raises:
        WorkError: a bit differs that rounding does not turn.
    """
    margins = np.load(setting.activations) - load_checkpoint(setting.weights).threshold.numpy()
    wrong = (codes != (margins >= 0)) & (np.abs(margins) > ROUNDING)
    if wrong.any():
        raise WorkError(f"{wrong.sum()} bits of our codes are not those of the plain loop")


def _parts(hasher: Hasher, paths: list[Path]) -> Iterator[tuple[str, Work]]:
    """Yield our ways to decode, resize and run the network; threads as `hash_pictures` has."""
    load = hasher.transform.load
    with ThreadPoolExecutor(usable_cores()) as pool:
        images = list(pool.map(decoded, paths))
        levels = torch.stack(list(pool.map(load, images)))
        yield "decode", lambda: list(pool.map(decoded, paths))
        yield "resize", lambda: list(pool.map(load, images))
        batches = torch.split(levels, hasher.batch_size)
        yield "network", lambda: [hasher.codes(batch) for batch in batches]


@torch.no_grad()
def _network(case: Case, paths: list[Path]) -> HashingNetwork:
    """Make a network whose batch norms and thresholds fit the pictures, as after training.

    Otherwise activations of all pictures would be nearly the same, and all bits at the threshold.
    """
    torch.manual_seed(0)
    network = get_model(case.network, bits=BITS, num_classes=CLASSES, image_size=case.side)
    images = torch.stack([network.transform(path) for path in paths[:16]])
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the mean over what it sees
    network.train()(images)
    network.eval()
    network.threshold.copy_(network.activations(images).quantile(0.5, dim=0))
    return network
