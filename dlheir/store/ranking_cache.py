"""The index on disk, so that each process need not build it: stamped, and worth nothing if stale.

The file is SHA-256 of the rest, then numpy's `.npz`. It is the server's own; whatever is wrong with
it, the index is built again.
"""

import hashlib
import io
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlheir.files import written_whole
from dlheir.retrieval import EmbeddedIndex, restore_index
from dlheir.store.ranking import Part, Ranking
from dlheir.store.record import HASH_BYTES, PICTURE_ID_BYTES


def save_ranking(path: Path, ranking: Ranking, stamp: dict[str, Any]) -> None:
    """Write an index with what it is the index of.

    Args:
        path: the file; where it cannot be written, there is no cache.
        ranking: of embedded engines.
        stamp: JSON values: store, sequence number, engine.
    """
    joined = np.frombuffer(b"".join(ranking.picture_ids), dtype=np.uint8)
    arrays: dict[str, NDArray[Any]] = {"picture_ids": joined.reshape(-1, PICTURE_ID_BYTES)}
    engines = {}
    for version, part in ranking.parts.items():
        assert isinstance(part.index, EmbeddedIndex)
        engines[str(version)] = part.index.engine
        arrays[f"{version}/members"] = part.rows
        for name, array in part.index.to_arrays().items():
            arrays[f"{version}/index/{name}"] = array
    arrays["about"] = np.frombuffer(
        json.dumps({"stamp": stamp, "engines": engines}).encode(), dtype=np.uint8
    )
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    with suppress(OSError), written_whole(path) as part_file, part_file.open("wb") as file:
        file.write(hashlib.sha256(content.getbuffer()).digest())
        file.write(content.getbuffer())


def load_ranking(path: Path, stamp: dict[str, Any], bits: int) -> Ranking | None:
    """Read an index back, None where the file is missing, damaged or of another stamp."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    if hashlib.sha256(memoryview(content)[HASH_BYTES:]).digest() != content[:HASH_BYTES]:
        return None
    with np.load(io.BytesIO(content[HASH_BYTES:]), allow_pickle=False) as arrays:
        about = json.loads(arrays["about"].tobytes())
        if about["stamp"] != stamp:
            return None
        joined = arrays["picture_ids"].tobytes()
        parts = {}
        for version, engine in about["engines"].items():
            prefix = f"{version}/index/"
            stored = {
                name.removeprefix(prefix): arrays[name]
                for name in arrays.files
                if name.startswith(prefix)
            }
            index = restore_index(engine, stored, bits)
            parts[int(version)] = Part(arrays[f"{version}/members"], index)
    starts = range(0, len(joined), PICTURE_ID_BYTES)
    picture_ids = np.array([joined[i : i + PICTURE_ID_BYTES] for i in starts], dtype=object)
    return Ranking(stamp["sequence"], picture_ids, parts)
