"""Top-100 search by Hamming distance, against faiss, numpy, usearch and the memory's bandwidth."""

import importlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import faiss
import numpy as np
from numpy.typing import NDArray

from dlheir.benchmarks.alternately import duration, side_by_side
from dlheir.benchmarks.figure import TIMES, Figure
from dlheir.console import progress
from dlheir.errors import WorkError
from dlheir.machine import usable_cores
from dlheir.retrieval import EmbeddedIndex, build_index, pack
from dlheir.retrieval.flat import one_openmp_thread

K = 100
BITS = (12, 24, 32, 48)
SIZES = (2_000, 4_000, 6_000, 8_000, 10_000, 100_000, 1_000_000, 10_000_000)
QUICK_BITS, QUICK_SIZES = (12, 48), (2_000, 10_000, 100_000, 1_000_000)
BATCH, QUICK_BATCH = 2_000, 200
# Compared pairs above which one call takes seconds: fewer repeats, and faiss flat alone.
_MANY_PAIRS = 10**9
_READ_BYTES = 2**28  # far more than any cache holds

Search = Callable[[NDArray[np.uint8]], NDArray[np.integer]]
"""Packed queries (Q, bytes) to distances (Q, K), ascending."""


def measure(quick: bool) -> list[Figure]:
    """Search uniform codes by the engine that `build_index` takes, with all cores.

    Ours starts from codes of one byte a bit, which it checks and packs; the others from packed
    codes. faiss has one OpenMP thread. Distances are held equal before anything is measured.

    Args:
        quick: Fewer sizes and lengths of code, 200 queries instead of 2,000.
    """
    sizes, lengths = (QUICK_SIZES, QUICK_BITS) if quick else (SIZES, BITS)
    batch = QUICK_BATCH if quick else BATCH
    figures = []
    with one_openmp_thread():
        bandwidth = _bandwidth()
        figures.append(bandwidth)
        for size in progress(sizes, "Searching codes"):
            for bits in lengths:
                figures += _of(size, bits, batch, bandwidth.value)
    return figures


def target_of(size: int, bits: int, queries: int, cores: int) -> float | None:
    """Return how many times faster than faiss flat with one thread the project wants to be."""
    if bits == 12 and size == 10_000_000:
        return 100.0
    if bits == 48 and size == 1_000_000 and queries == 1:
        return 1.0
    if bits != 12 and size >= 100_000 and queries > 1:
        return 3.0 if cores >= 4 else 1.6 if cores >= 2 else None
    return None


def opponents(packed: NDArray[np.uint8]) -> dict[str, Search]:
    """Return the other ways to search packed codes, (N, bytes), by name."""
    flat = faiss.IndexBinaryFlat(8 * packed.shape[1])
    flat.add(packed)
    ways: dict[str, Search] = {
        "faiss flat, 1 thread": lambda queries: flat.search(queries, K)[0],
        "faiss knn_hamming, 1 thread": lambda queries: faiss.knn_hamming(queries, packed, K)[0],
        "numpy bitwise_count, argpartition": _numpy_search(packed),
    }
    if usearch := _usearch_search(packed):
        ways["usearch, exact"] = usearch
    return ways


def _of(size: int, bits: int, batch: int, bandwidth: float) -> Iterator[Figure]:
    """Measure one database with one query and with many."""
    random = np.random.default_rng(bits)
    codes = random.integers(0, 2, (size, bits), dtype=np.uint8)
    packed, ours = pack(codes), build_index(codes)
    del codes  # 480 MB of the largest
    ways = opponents(packed)
    for queries in (1, batch):
        asked = random.integers(0, 2, (queries, bits), dtype=np.uint8)
        name = f"{size:,} codes of {bits} bits, {queries:,} quer{'y' if queries == 1 else 'ies'}"
        many = size * queries >= _MANY_PAIRS
        for against, way in ways.items():
            if many and "flat" not in against:
                continue
            target = target_of(size, bits, queries, usable_cores()) if "flat" in against else None
            yield _against(name, ours, asked, way, against, target, many)
        if queries == 1 and packed.nbytes >= 2**22:
            yield _against_floor(name, ours, asked, packed.nbytes / (bandwidth * 1e6))


def _against(
    name: str,
    ours: EmbeddedIndex,
    asked: NDArray[np.uint8],
    way: Search,
    against: str,
    target: float | None,
    many: bool,
) -> Figure:
    packed = pack(asked)
    some = slice(0, 20)  # to check all of 2,000 would take as long as to measure them
    if not np.array_equal(ours.search(asked[some], K)[1], way(packed[some])):
        raise WorkError(f"{name}: the distances of {ours.engine} and {against} differ")
    return side_by_side(
        name,
        lambda: ours.search(asked, K),
        lambda: way(packed),
        against=against,
        target=target,
        repeats=2 if many else 7,
        warmup=0 if many else 1,
    )


def _against_floor(
    name: str, ours: EmbeddedIndex, asked: NDArray[np.uint8], floor: float
) -> Figure:
    found = duration(name, lambda: ours.search(asked, K))
    assert found.ours is not None
    return Figure(
        name,
        floor / found.ours,
        TIMES,
        found.ours,
        floor,
        "reading the packed codes once",
        repeats=found.repeats,
    )


def _bandwidth() -> Figure:
    """Measure how fast all cores together read memory, in MB/s."""
    cores = usable_cores()
    parts = np.array_split(np.ones(_READ_BYTES // 8, dtype=np.uint64), cores)
    with ThreadPoolExecutor(cores) as pool:
        read = duration("", lambda: list(pool.map(np.bitwise_xor.reduce, parts)))
    rate = _READ_BYTES / read.value / 1e6
    return Figure("reading memory, all cores", rate, "MB/s", ours=read.ours, repeats=read.repeats)


def _numpy_search(packed: NDArray[np.uint8]) -> Search:
    """What one writes with numpy: all distances of a query, the K smallest, in order."""
    word = np.uint32 if packed.shape[1] == 4 else np.uint64
    words = packed.view(word)

    def search(queries: NDArray[np.uint8]) -> NDArray[np.uint8]:
        found = np.empty((len(queries), K), dtype=np.uint8)
        for query, nearest in zip(queries.view(word), found, strict=True):
            distances = np.bitwise_count(words ^ query).sum(axis=1, dtype=np.uint8)
            rows = np.argpartition(distances, K - 1)[:K]
            nearest[:] = np.sort(distances[rows])
        return found

    return search


def _usearch_search(packed: NDArray[np.uint8]) -> Search | None:
    """Search by usearch with one thread; None where it is not installed."""
    try:
        usearch = importlib.import_module("usearch.index")
    except ImportError:
        return None

    def search(queries: NDArray[np.uint8]) -> NDArray[np.integer]:
        answers = usearch.search(
            packed,
            queries,
            K,
            usearch.MetricKind.Hamming,
            exact=True,
            threads=1,
            dtype=usearch.ScalarKind.B1,
        )
        return np.atleast_2d(answers.distances).astype(np.int64)

    return search
