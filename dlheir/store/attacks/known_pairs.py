"""Known pairs: a few codes before and after `keyed` mode's transform give the transform away."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from dlheir.errors import InputError
from dlheir.retrieval import check_codes
from dlheir.store.protection import KeyedTransform


@dataclass(frozen=True)
class KnownPairs:
    """What the pairs tell.

    Attributes:
        transform: one that agrees with every pair; where several do, any of them.
        determined: share of bit positions that the pairs leave no choice of, in [0, 1].
        chance: share of positions, place and flip, that a blind guess gets right on average.
    """

    transform: KeyedTransform
    determined: float
    chance: float


def known_pairs_attack(codes: ArrayLike, protected: ArrayLike) -> KnownPairs:
    """Recover the transform of `keyed` mode from codes whose protected form is known.

    * The attacker has m codes and the same m protected: a user who colludes with the server, or
      anyone with the network who gets pictures of theirs stored or queried and tells which they
      are by the time of their arrival.
    * They want the transform, which protects every code and trapdoor of the key version.
    * It works in `keyed` mode. In `plain` mode there is nothing to recover; in `client` mode each
      code has a key stream of its own, and knowing one tells nothing of another.

    Whether a bit changes from one picture to the next survives a flip of that bit, so each column
    is held against its own first row. Column j of the protected codes then equals column p[j] of
    the codes; sorting both sets of columns puts equal ones side by side. Columns alike in all m
    codes cannot be told apart yet. Random bits would need about 2 log2(bits) pairs; chosen codes
    only ceil(log2(bits)) + 1.

    Args:
        codes: (m, bits) in {0, 1}, m >= 1.
        protected: (m, bits) in {0, 1}, row i made of row i of `codes`.

    Raises:
        InputError: when they are no codes, differ in shape, or no transform fits them.
    """
    before = check_codes(codes, "codes")
    after = check_codes(protected, "protected codes", before.shape[1])
    if len(before) != len(after) or len(before) == 0:
        raise InputError(f"{len(before)} codes for {len(after)} protected codes, expected pairs")
    changes_before, changes_after = before ^ before[0], after ^ after[0]
    permutation = np.empty(before.shape[1], dtype=np.int64)
    permutation[np.lexsort(changes_after)] = np.lexsort(changes_before)
    transform = KeyedTransform(permutation, before[0, permutation] ^ after[0])
    if not np.array_equal(transform.apply(before), after):
        raise InputError("protected codes: no transform makes them of these codes")
    _, alike = np.unique(changes_before, axis=1, return_counts=True)
    bits = before.shape[1]
    return KnownPairs(transform, float((alike == 1).sum() / bits), 1 / (2 * bits))
