"""Sealing pictures: against other programs' AES-256-GCM, and against hashing the same pictures.

Sealing should not be what `dlheir store add` waits for: the network should.
"""

import importlib
import itertools
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import torch

from dlheir.benchmarks.alternately import duration, side_by_side
from dlheir.benchmarks.figure import Figure
from dlheir.benchmarks.jpegs import write_jpegs
from dlheir.console import console
from dlheir.hashing import Hasher, hash_pictures, open_hasher
from dlheir.models import get_model
from dlheir.models.published import write_published
from dlheir.store import CloudServer, DataOwner, OwnerKeys, Picture, QueryUser, new_policy
from dlheir.store.content import encode_content
from dlheir.store.envelope import open_envelope, seal

TARGET = 10.0
BITS, CLASSES, K = 48, 50, 100
NETWORK, SIDE = "mobilenet_v2", 224
SEALED, QUICK_SEALED = 8_000, 1_000
HASHED, QUICK_HASHED = 256, 64  # what a picture takes does not depend on their number
LARGE = 10**6
_SPEED = ("speed", "-seconds", "1", "-bytes", "16384", "-evp", "aes-256-gcm", "-mr")
# In what `-mr` prints: number of the row, cipher, bytes per second.
_RATE = re.compile(r"^\+F:\d+:[^:]+:([\d.]+)$", re.MULTILINE)


def measure(quick: bool) -> list[Figure]:
    """Seal and open single pictures, then fill a store.

    Args:
        quick: 1,000 pictures instead of 8,000, and fewer repeats.
    """
    count, hashed = (QUICK_SEALED, QUICK_HASHED) if quick else (SEALED, HASHED)
    with TemporaryDirectory() as name:
        folder = Path(name)
        console.print(f"Writing {count:,} pictures")
        paths = write_jpegs(folder / "pictures", count)
        pictures = [Picture(path.name, path) for path in paths]
        return [
            *_envelopes(paths[0].read_bytes()),
            *_openssl(),
            *_store(folder, pictures, hashed, repeats=2 if quick else 3),
        ]


def _envelopes(jpeg: bytes) -> Iterator[Figure]:
    """One picture's, and one's of a megabyte: what the bytes are makes no difference."""
    for picture in (jpeg, (jpeg * (LARGE // len(jpeg) + 1))[:LARGE]):
        content = encode_content("picture.jpg", picture)
        key, store_id, picture_id = (secrets.token_bytes(size) for size in (32, 16, 16))
        ours_seal = partial(seal, key, 1, store_id, picture_id, content)
        ours_open = partial(open_envelope, {1: key}, store_id, picture_id, ours_seal())
        for what, work in (("seal", ours_seal), ("open", ours_open)):
            name = f"{what} {len(picture) / 1e3:,.0f} kB"
            found = duration(name, work)
            assert found.ours is not None
            rate = len(picture) / found.ours / 1e6
            yield Figure(name, rate, "MB/s", ours=found.ours, repeats=found.repeats)
        yield from _against_cryptography(content, len(picture), ours_seal, ours_open)


def _against_cryptography(
    content: bytes, size: int, ours_seal: partial[bytes], ours_open: partial[bytes]
) -> Iterator[Figure]:
    """Nothing, where cryptography is not installed.

    Its AES-GCM alone, under one key: without a key for each picture and the commitment to it.
    """
    try:
        aead = importlib.import_module("cryptography.hazmat.primitives.ciphers.aead")
    except ImportError:
        return
    cipher = aead.AESGCM(secrets.token_bytes(32))
    nonce = secrets.token_bytes(12)
    sealed = cipher.encrypt(nonce, content, None)
    works = {
        "seal": (ours_seal, lambda: cipher.encrypt(secrets.token_bytes(12), content, None)),
        "open": (ours_open, lambda: cipher.decrypt(nonce, sealed, None)),
    }
    for what, (ours, theirs) in works.items():
        against = "cryptography's AESGCM, one key for all"
        yield side_by_side(f"{what} {size / 1e3:,.0f} kB", ours, theirs, against=against)


def _openssl() -> list[Figure]:
    """What OpenSSL's own command says of its AES-256-GCM; nothing, where it is not installed."""
    program = shutil.which("openssl")
    if program is None:
        return []
    ended = subprocess.run([program, *_SPEED], capture_output=True, text=True, check=False)
    rate = _RATE.search(ended.stdout)
    if rate is None:  # LibreSSL, and OpenSSL before 3, know other options
        return []
    return [Figure("openssl speed aes-256-gcm, 16 KiB, one core", float(rate[1]) / 1e6, "MB/s")]


def _store(folder: Path, pictures: list[Picture], hashed: int, repeats: int) -> list[Figure]:
    """Fill a store and search it, in turns with hashing some of the pictures."""
    filling, hasher = _Filling(folder, pictures), _hasher(folder / "model.safetensors")
    device = "GPU" if torch.cuda.is_available() else "CPU"
    console.print(f"Sealing {len(pictures):,} pictures, hashing {hashed}")
    found = side_by_side(
        f"seal, upload and first search, {len(pictures):,} pictures",
        filling.run,
        lambda: hash_pictures(hasher, pictures[:hashed]),
        against=f"hashing by {NETWORK}, {SIDE} px, {device}; scaled up from {hashed} pictures",
        target=TARGET,
        repeats=repeats,
        warmup=0,
    )
    assert found.other is not None
    scale = len(pictures) / hashed
    whole = replace(found, value=found.value * scale, other=found.other * scale)
    return [whole, *filling.parts()]


class _Filling:
    """Makes stores of the same pictures, as `dlheir store init` and `add` do, hashing apart."""

    def __init__(self, folder: Path, pictures: list[Picture]) -> None:
        random = np.random.default_rng(0)
        self._folder, self._pictures = folder, pictures
        self._codes = random.integers(0, 2, (len(pictures), BITS), dtype=np.uint8)
        self._numbers = itertools.count()
        self._seconds: dict[str, list[float]] = {}

    def run(self) -> None:
        """Make one with fresh keys, in a file that goes with the folder."""
        keys = OwnerKeys.generate().bind(new_policy(BITS, "keyed"))
        path = self._folder / f"{next(self._numbers)}.sqlite"
        with CloudServer.create(path, keys.policy, DataOwner.empty_root(keys)) as server:
            upload = DataOwner(keys, server).upload(self._pictures, self._codes)
            began = time.perf_counter()
            QueryUser(keys.access(), server, keys.seen).search(self._codes[:1], K)
            searching = time.perf_counter() - began
        for part, seconds in (
            ("sealing (EncImg)", upload.sealing_seconds),
            ("signing and storing", upload.upload_seconds),
            ("first search", searching),
        ):
            self._seconds.setdefault(part, []).append(seconds)

    def parts(self) -> list[Figure]:
        """Medians of what the parts took."""
        return [
            Figure(f"of that, {part}", median(found), "s", repeats=len(found))
            for part, found in self._seconds.items()
        ]


def _hasher(weights: Path) -> Hasher:
    """A network of random weights: they cost what trained ones do."""
    torch.manual_seed(0)
    network = get_model(NETWORK, bits=BITS, num_classes=CLASSES, image_size=SIDE)
    write_published(weights, network.settings, network.state_dict(), {})
    return open_hasher(str(weights))
