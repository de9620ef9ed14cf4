"""Golden codes: what a checkpoint makes of pictures that come with this program."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from dlheir.checkpoints.golden import TOLERANCE, golden_pictures
from dlheir.errors import InputError, WorkError
from dlheir.files import sha256_of, sha256_of_file
from dlheir.models.network import HashingNetwork


class Agreement(NamedTuple):
    """How codes stand to the golden ones.

    Attributes:
        bits: Number of bits that were compared.
        flipped: Those that differ, all within rounding of their thresholds.
    """

    bits: int
    flipped: int


def golden_codes(network: HashingNetwork) -> dict[str, Any]:
    """Hash the golden pictures for a registry entry."""
    pictures = golden_pictures()
    codes = network.binarize(_activations(network, pictures)).numpy()
    named = zip(pictures, codes, strict=True)
    return {
        "pictures_sha256": _sha256(pictures),
        "codes": {picture.name: code_text(code) for picture, code in named},
    }


def check_golden(name: str, network: HashingNetwork, golden: dict[str, Any]) -> Agreement:
    """Compare a network's codes with those of its registry entry.

    Raises:
        InputError: The entry's codes are of other pictures than this program's.
        WorkError: Codes differ by more than rounding.
    """
    pictures = golden_pictures()
    if golden["pictures_sha256"] != _sha256(pictures):
        raise InputError(
            f"{name}: its golden codes are of other pictures than this program brings; take the "
            "registry and the program of one version"
        )
    activations = _activations(network, pictures)
    found = network.binarize(activations).numpy()
    bits = found.shape[1]
    texts = [golden["codes"].get(picture.name, "") for picture in pictures]
    if [len(text) for text in texts] != [_digits(bits)] * len(texts):
        raise WorkError(f"{name}: its golden codes are not of {bits} bits")
    expected = np.stack([_bits_of(text, bits) for text in texts])
    differ = found != expected
    near = ((activations - network.threshold).abs() <= TOLERANCE).numpy()
    wrong = int((differ & ~near).any(axis=1).sum())
    if wrong:
        raise WorkError(
            f"{name}: {wrong} of {len(pictures)} golden codes are others than its registry entry "
            "says; do not use it here: this machine or its libraries compute something else"
        )
    return Agreement(differ.size, int(differ.sum()))


def code_text(code: NDArray[np.uint8]) -> str:
    """Write a code in hexadecimal, the first bit first, the last digit filled up with zeros."""
    filled = np.pad(code, (0, -len(code) % 4)).reshape(-1, 4)
    return "".join(f"{digit:x}" for digit in filled @ (8, 4, 2, 1))


def _bits_of(text: str, bits: int) -> NDArray[np.uint8]:
    digits = np.array([int(digit, 16) for digit in text], dtype=np.uint8)
    return np.unpackbits(digits[:, None], axis=1)[:, 4:].reshape(-1)[:bits]


def _digits(bits: int) -> int:
    return -(-bits // 4)


@torch.inference_mode()
def _activations(network: HashingNetwork, pictures: list[Path]) -> torch.Tensor:
    return network.activations(torch.stack([network.transform(path) for path in pictures]))


def _sha256(pictures: list[Path]) -> str:
    return sha256_of({path.name: sha256_of_file(path) for path in pictures})
