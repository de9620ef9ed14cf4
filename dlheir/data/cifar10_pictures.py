"""CIFAR-10's pictures as files, out of torchvision's data set."""

from pathlib import Path
from urllib.error import URLError

import numpy as np
from PIL import Image
from torchvision import datasets

from dlheir.console import progress
from dlheir.data.cifar10_protocols import TEST, TRAIN
from dlheir.data.drafts import whole_folder
from dlheir.errors import InputError


def write_pictures(folder: Path, root: Path, download: bool) -> None:
    """Write each picture as `folder/<train or test>/<class>/<number>.png`, once.

    The folder appears under its name when it is whole, not before. Numbers count the official
    pictures of a part, in their order. The PNGs are lossless and not compressed: small as they
    are, they would take as much of a disk, and their bytes, over which splits are hashed, would
    depend on zlib's version.

    Args:
        folder: Where they go; absent or empty.
        root: Where torchvision keeps `cifar-10-batches-py`.
        download: Whether torchvision may download it, if it is not there.

    Raises:
        InputError: It is missing or damaged, cannot be downloaded, or the folder is in use.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(
            f"{folder}: holds something else than {TRAIN} and {TEST} pictures of CIFAR-10; remove "
            "it or name another --data.root"
        )
    parts = {part: _official(root, part, download) for part in (TRAIN, TEST)}
    with whole_folder(folder, lambda: all((folder / part).is_dir() for part in parts)) as draft:
        for part, official in parts.items():
            _write_part(draft / part, official)


def _official(root: Path, part: str, download: bool) -> datasets.CIFAR10:
    try:
        return datasets.CIFAR10(root, train=part == TRAIN, download=download)
    except URLError as error:
        raise InputError(
            f"CIFAR-10 cannot be downloaded ({error.reason}); bring cifar-10-batches-py or a "
            "folder of its pictures, and name it by --data.root"
        ) from error
    except RuntimeError as error:  # what torchvision raises for wrong hashes
        raise InputError(
            f"{root}: its cifar-10-batches-py is missing or damaged; mend it, or have it "
            "downloaded by --data.download true"
        ) from error


def _write_part(folder: Path, official: datasets.CIFAR10) -> None:
    for class_name in official.classes:
        (folder / class_name).mkdir(parents=True)
    pixels = np.asarray(official.data)
    pictures = zip(pixels, official.targets, strict=True)
    for number, (picture, label) in enumerate(
        progress(pictures, f"Writing {folder.name} pictures", total=len(pixels))
    ):
        path = folder / official.classes[label] / f"{number:05d}.png"
        Image.fromarray(picture).save(path, compress_level=0)
