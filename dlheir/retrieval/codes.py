"""Codes: from activations to bits, from bits to packed bytes, and the comparison of two sets."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dlheir.errors import InputError


def binarize(activations: ArrayLike, thresholds: ArrayLike) -> NDArray[np.uint8]:
    """Turn activations into codes: bit i is 1 where AP_i >= th (the paper, section 3.3.2).

    Args:
        activations: (N, bits) real numbers, one row a picture; the hash layer's lie in (0, 1).
        thresholds: one number for all bits, or (bits,), one for each.

    Returns:
        (N, bits) uint8 in {0, 1}.

    Raises:
        InputError: on another shape, or on activations that are not a number (NaN).
    """
    values = _check_activations(activations)
    limits = np.asarray(thresholds)
    if limits.shape not in ((), values.shape[1:]):
        raise InputError(
            f"thresholds: shape {limits.shape}, expected one number or ({values.shape[1]},)"
        )
    return (values >= limits).astype(np.uint8)


def median_thresholds(activations: ArrayLike) -> NDArray[np.floating[Any]]:
    """Find the threshold of each bit that sets it in half of the pictures.

    For an even number of pictures it lies midway between the two middle activations, so that no
    activation lies on it: on another device, rounding then flips no bit.

    Args:
        activations: (N, bits) real numbers with N >= 1.

    Returns:
        (bits,) medians, in the precision of the activations.

    Raises:
        InputError: on another shape, no row, or activations that are not a number (NaN).
    """
    values = _check_activations(activations)
    if len(values) == 0:
        raise InputError("activations: no row to take a median of")
    return np.asarray(np.median(values, axis=0))


def packed_bytes(bits: int) -> int:
    """Return the bytes of one packed code: 4 up to 32 bits, else a multiple of 8.

    faiss compares codes of 4 bytes, or multiples of 8, by machine words; codes of 3 or 6 bytes,
    which 24 and 48 bits would fit in, take it three to four times as long.

    Raises:
        InputError: on fewer than 1 bit.
    """
    if bits < 1:
        raise InputError(f"bits: {bits}, expected at least 1")
    return 4 if bits <= 32 else 8 * -(-bits // 64)


def pack(codes: ArrayLike) -> NDArray[np.uint8]:
    """Pack codes, eight bits a byte, first bit highest, zeros up to `packed_bytes`.

    Args:
        codes: (N, bits) in {0, 1}.

    Returns:
        (N, packed_bytes(bits)) uint8, C-contiguous.

    Raises:
        InputError: when `codes` are no codes (see `check_codes`).
    """
    checked = check_codes(codes)
    packed = np.zeros((len(checked), packed_bytes(checked.shape[1])), dtype=np.uint8)
    used = -(-checked.shape[1] // 8)
    packed[:, :used] = np.packbits(checked, axis=1)
    return packed


def unpack(packed: ArrayLike, bits: int) -> NDArray[np.uint8]:
    """Undo `pack`.

    Args:
        packed: (N, packed_bytes(bits)) uint8.
        bits: length of one code, at least 1.

    Returns:
        (N, bits) uint8 in {0, 1}.

    Raises:
        InputError: when the width does not belong to that number of bits.
    """
    rows = np.asarray(packed)
    width = packed_bytes(bits)
    if rows.dtype != np.uint8 or rows.ndim != 2 or rows.shape[1] != width:
        raise InputError(
            f"packed codes: {rows.dtype} of shape {rows.shape}, "
            f"expected uint8 (N, {width}) for {bits} bits"
        )
    return np.unpackbits(rows, axis=1, count=bits)


class CodeComparison(NamedTuple):
    """Bits that two computations of the same pictures' codes agree on.

    Attributes:
        differing: bits that differ although both activations are clear of the threshold.
        borderline: bits not judged: an activation lies within the tolerance of its threshold.
        bits: bits in all, N * bits of a code; the two above are counted among them.
    """

    differing: int
    borderline: int
    bits: int

    @property
    def same(self) -> bool:
        """Whether the two are "the same codes" as this project uses the words."""
        return self.differing == 0


def compare_codes(
    codes_a: ArrayLike,
    codes_b: ArrayLike,
    margins_a: ArrayLike,
    margins_b: ArrayLike,
    tolerance: float = 1e-5,
) -> CodeComparison:
    """Compare codes of the same pictures from two devices, precisions or frameworks.

    "The same codes" means: every bit is equal whose activation is at least `tolerance` away from
    its threshold on both sides. Nearer ones may flip by rounding alone and count as borderline.

    Args:
        codes_a: (N, bits) in {0, 1}.
        codes_b: (N, bits) in {0, 1}.
        margins_a: (N, bits) activation minus threshold behind `codes_a`; the sign is not used.
        margins_b: (N, bits) the same behind `codes_b`.
        tolerance: in units of an activation.

    Raises:
        InputError: when the four shapes differ, or the codes are no codes.
    """
    first, second = check_codes(codes_a, "codes_a"), check_codes(codes_b, "codes_b")
    distances = [
        np.abs(np.asarray(margins, dtype=np.float64)) for margins in (margins_a, margins_b)
    ]
    shapes = [array.shape for array in (first, second, *distances)]
    if len(set(shapes)) > 1:
        raise InputError(f"codes and margins to compare: shapes {shapes} are not the same")
    judged = (distances[0] >= tolerance) & (distances[1] >= tolerance)
    return CodeComparison(
        differing=int(np.count_nonzero((first != second) & judged)),
        borderline=int(np.count_nonzero(~judged)),
        bits=first.size,
    )


def check_codes(
    codes: ArrayLike, name: str = "codes", bits: int | None = None
) -> NDArray[np.uint8]:
    """Return `codes` as uint8, or say in one line why they are none.

    Args:
        codes: (N, bits) integers or booleans in {0, 1}, bits >= 1.
        name: what the message calls them.
        bits: the length that they have to have, where it is known.

    Returns:
        (N, bits) uint8 in {0, 1}; the same memory where it was uint8 already.

    Raises:
        InputError: on another number of dimensions, type, value or length.
    """
    array = np.asarray(codes)
    if array.ndim != 2 or array.shape[1] == 0:
        raise InputError(f"{name}: shape {array.shape}, expected (N, bits), one row a picture")
    if array.dtype.kind not in "bui":
        raise InputError(f"{name}: {array.dtype} values, expected uint8; binarize() makes them")
    if array.size and (array.min() < 0 or array.max() > 1):
        raise InputError(f"{name}: values other than 0 and 1; packed codes need unpack() first")
    if bits is not None and array.shape[1] != bits:
        raise InputError(f"{name}: {array.shape[1]} bits, expected {bits}")
    return array.astype(np.uint8, copy=False)


def _check_activations(activations: ArrayLike) -> NDArray[Any]:
    values = np.asarray(activations)
    if values.ndim != 2 or values.shape[1] == 0:
        raise InputError(f"activations: shape {values.shape}, expected (N, bits)")
    # A NaN compares as below every threshold: it would pass for a 0 bit unnoticed.
    if np.isnan(values).any():
        raise InputError("activations: not a number (NaN) among them; the network has diverged")
    return values
