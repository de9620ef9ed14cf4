"""Search engines by name."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import ArrayLike, NDArray

from dlheir.errors import InputError
from dlheir.retrieval.buckets import MAX_BITS, BucketIndex
from dlheir.retrieval.codes import check_codes
from dlheir.retrieval.flat import FlatIndex
from dlheir.retrieval.index import Answers, EmbeddedIndex
from dlheir.retrieval.ivf import IVFIndex

_CLASSES: dict[str, type[EmbeddedIndex]] = {
    index.engine: index for index in (FlatIndex, BucketIndex, IVFIndex)
}
ENGINES = ("auto", *_CLASSES)

_FLAT_IS_ENOUGH = 1_000_000  # codes; so many the flat engine compares in about a millisecond


# Of fewer codes most buckets are empty, and looking into them takes longer than comparing all.
_BUCKETS_FROM = 50_000


def choose_engine(engine: str, bits: int, codes: int) -> str:
    """Return what "auto" stands for; every other name stands for itself.

    Args:
        engine: one of `ENGINES`.
        bits: code length.
        codes: how many there are.

    Raises:
        InputError: on a name that is none.
    """
    if engine not in ENGINES:
        raise InputError(f"engine: {engine!r}, expected one of {', '.join(ENGINES)}")
    if engine == "auto":
        short = bits <= MAX_BITS and codes >= _BUCKETS_FROM
        return BucketIndex.engine if short else FlatIndex.engine
    return engine


def build_index(codes: ArrayLike, engine: str = "auto") -> EmbeddedIndex:
    """Make codes searchable.

    Args:
        codes: (N, bits) in {0, 1}; N may be 0.
        engine: one of `ENGINES`: "flat" compares with every code, "buckets" looks up codes of at
            most 16 bits, both exact; "auto" takes buckets for 50,000 such codes or more, else flat.
            "ivf" is for more than a million codes and may miss answers (`IVFIndex.recall`).

    Raises:
        InputError: when `codes` are no codes, or none for this engine.
    """
    checked = check_codes(codes)
    name = choose_engine(engine, checked.shape[1], len(checked))
    if name == IVFIndex.engine and len(checked) <= _FLAT_IS_ENOUGH:
        raise InputError(
            f"engine 'ivf': {len(checked)} codes, it is for more than {_FLAT_IS_ENOUGH}; "
            "take 'flat' or 'auto', which are exact and fast enough"
        )
    return _CLASSES[name](checked)


def restore_index(engine: str, arrays: Mapping[str, NDArray[Any]], bits: int) -> EmbeddedIndex:
    """Make an index of what another one's `to_arrays` gave.

    Args:
        engine: the other one's `engine`.
        arrays: what it gave.
        bits: its code length.

    Raises:
        InputError: when the arrays are not of such an index.
    """
    if engine not in _CLASSES:
        raise InputError(f"stored index: of an unknown engine {engine!r}; build it again")
    return _CLASSES[engine].from_arrays(arrays, bits)


def search(query_codes: ArrayLike, database_codes: ArrayLike, k: int) -> Answers:
    """Find the k nearest database rows of each query.

    Args:
        query_codes: (Q, bits) in {0, 1}.
        database_codes: (N, bits) in {0, 1}.
        k: answers a query, at least 1; more than N asks for all.

    Returns:
        ids (Q, min(k, N)), which are rows of `database_codes`, and distances (Q, min(k, N)) in
        bits, ordered by (distance, id).

    Raises:
        InputError: on anything else.
    """
    return FlatIndex(database_codes).search(query_codes, k)
