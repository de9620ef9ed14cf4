"""What the server holds in place of a code, and the MAC that ties it to its picture.

Three modes, the same answers in each (`FORMAT.md`, section 4): `plain` stores the code itself,
`keyed` a secret transform of it that keeps Hamming distances, `client` a sealed code that only key
holders compare.
"""

import hmac
import secrets
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dlheir.errors import InputError
from dlheir.retrieval import check_codes, pack, packed_bytes, unpack
from dlheir.store.derivation import code_key, mac_key, trapdoor_key
from dlheir.store.errors import LyingServerError
from dlheir.store.policy import CODE_NONCE_BYTES, Policy
from dlheir.store.record import prefixed

_BLOCK_BYTES = 32


class KeyedTransform(NamedTuple):
    """The secret of `keyed` mode: bits change places, then some of them flip.

    All codes of a key version go through the same one, so distances between them stay. Whoever
    knows enough pairs of codes before and after knows the transform: `dlheir.store.attacks` counts
    how many.

    Attributes:
        permutation: (bits,) int64, bit `permutation[j]` of a code becomes bit j.
        pad: (bits,) uint8 in {0, 1}, added to it modulo 2.
    """

    permutation: NDArray[np.int64]
    pad: NDArray[np.uint8]

    @classmethod
    def from_key(cls, key: bytes, bits: int) -> Self:
        """Draw the transform that belongs to a trapdoor key: HMAC-SHA-256 as a random function."""
        order = [hmac.digest(key, b"permutation" + i.to_bytes(4), "sha256") for i in range(bits)]
        flips = [hmac.digest(key, b"pad" + j.to_bytes(4), "sha256")[-1] & 1 for j in range(bits)]
        permutation = np.array(sorted(range(bits), key=order.__getitem__), dtype=np.int64)
        return cls(permutation, np.array(flips, dtype=np.uint8))

    def apply(self, codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Transform codes (N, bits)."""
        return codes[:, self.permutation] ^ self.pad

    def undo(self, protected: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the codes (N, bits) that `apply` made these of."""
        codes = np.empty_like(protected)
        codes[:, self.permutation] = protected ^ self.pad
        return codes


class CodeProtection:
    """Turns codes into stored codes and back, and makes their MACs, under one key version."""

    def __init__(self, policy: Policy, key_version: int, version_key: bytes) -> None:
        """Derive the keys.

        Raises:
            InputError: on a key or a key version that is none.
        """
        self._policy, self._key_version = policy, key_version
        self._code_key = code_key(version_key, policy, key_version)
        self._trapdoor_key = trapdoor_key(version_key, policy, key_version)
        self._mac_key = mac_key(version_key, policy, key_version)

    def protect(self, codes: ArrayLike, picture_ids: Sequence[bytes]) -> list[bytes]:
        """Make the stored codes of pictures.

        Args:
            codes: (N, bits) in {0, 1}.
            picture_ids: N ids of 16 bytes.

        Returns:
            N times `Policy.stored_code_bytes` bytes.

        Raises:
            InputError: on codes of another length, or of another number than the ids.
        """
        plain = check_codes(codes, "codes", self._policy.bits)
        _check_count(len(plain), picture_ids)
        if self._policy.mode == "client":
            drawn = secrets.token_bytes(CODE_NONCE_BYTES * len(plain))
            nonces = np.frombuffer(drawn, dtype=np.uint8).reshape(len(plain), CODE_NONCE_BYTES)
            sealed = pack(plain) ^ self._streams(nonces, picture_ids)
            return _rows(np.hstack([nonces, sealed]))
        return _rows(pack(self.trapdoor(plain)))

    def trapdoor(self, codes: ArrayLike) -> NDArray[np.uint8]:
        """Make what the server is asked with (the paper's TrapGen(Q) -> HC_q).

        Args:
            codes: (Q, bits) in {0, 1}, the query pictures' codes.

        Returns:
            (Q, bits) uint8 in {0, 1}: the codes themselves (`plain`) or transformed (`keyed`).

        Raises:
            InputError: on codes of another length, and in `client` mode, which asks nothing.
        """
        plain = check_codes(codes, "codes", self._policy.bits)
        if self._policy.mode == "client":
            raise InputError("codes: client; the server cannot search, download its code table")
        return self._transform.apply(plain) if self._policy.mode == "keyed" else plain

    def reveal(self, stored: Sequence[bytes], picture_ids: Sequence[bytes]) -> NDArray[np.uint8]:
        """Undo `protect`.

        Nothing here tells a changed code: check the records' MACs, or their leaves, first.

        Args:
            stored: N stored codes.
            picture_ids: N ids of 16 bytes, theirs.

        Returns:
            (N, bits) uint8 in {0, 1}.

        Raises:
            InputError: on stored codes of another length, or of another number than the ids.
        """
        _check_count(len(stored), picture_ids)
        width = self._policy.stored_code_bytes
        if any(len(code) != width for code in stored):
            raise InputError(f"stored codes: expected {width} bytes each")
        rows = np.frombuffer(b"".join(stored), dtype=np.uint8).reshape(len(stored), width)
        if self._policy.mode == "client":
            nonces, sealed = rows[:, :CODE_NONCE_BYTES], rows[:, CODE_NONCE_BYTES:]
            return unpack(sealed ^ self._streams(nonces, picture_ids), self._policy.bits)
        protected = unpack(rows, self._policy.bits)
        return self._transform.undo(protected) if self._policy.mode == "keyed" else protected

    def mac(self, picture_id: bytes, stored_code: bytes, tag: bytes) -> bytes:
        """Return the MAC that stops the server from re-pairing codes and pictures.

        Args:
            picture_id: 16 bytes.
            stored_code: from `protect`.
            tag: of the sealed picture, from `envelope_tag`.

        Returns:
            32 bytes.
        """
        version = self._key_version.to_bytes(4)
        fields = prefixed(self._policy.store_id, picture_id, version, stored_code, tag)
        return hmac.digest(self._mac_key, fields, "sha256")

    def check_mac(self, picture_id: bytes, stored_code: bytes, tag: bytes, mac: bytes) -> None:
        """Accept a stored code as the one that its owner made for this sealed picture.

        Raises:
            LyingServerError: when id, key version, code and envelope do not belong together.
        """
        if not hmac.compare_digest(self.mac(picture_id, stored_code, tag), mac):
            raise LyingServerError(
                f"picture {picture_id.hex()}: code and sealed picture do not belong together"
            )

    @cached_property
    def _transform(self) -> KeyedTransform:
        return KeyedTransform.from_key(self._trapdoor_key, self._policy.bits)

    def _streams(
        self, nonces: NDArray[np.uint8], picture_ids: Sequence[bytes]
    ) -> NDArray[np.uint8]:
        """Return the key streams (N, packed bytes): HMAC-SHA-256 in counter mode."""
        width = packed_bytes(self._policy.bits)
        blocks = [block.to_bytes(4) for block in range(-(-width // _BLOCK_BYTES))]
        keyed = hmac.new(self._code_key, digestmod="sha256")  # copied: sets up once for all
        digests = []
        for nonce, picture_id in zip(_rows(nonces), picture_ids, strict=True):
            for block in blocks:
                function = keyed.copy()
                function.update(nonce + picture_id + block)
                digests.append(function.digest())
        streams = np.frombuffer(b"".join(digests), dtype=np.uint8)
        return streams.reshape(len(nonces), _BLOCK_BYTES * len(blocks))[:, :width]


def _check_count(codes: int, picture_ids: Sequence[bytes]) -> None:
    if codes != len(picture_ids):
        raise InputError(f"{codes} codes for {len(picture_ids)} picture ids, expected one each")


def _rows(array: NDArray[np.uint8]) -> list[bytes]:
    """Return each row as bytes."""
    joined, width = array.tobytes(), array.shape[1]
    return [joined[start : start + width] for start in range(0, len(joined), width)]
