"""What searches a store's codes: an engine within this process, or a Milvus server."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dlheir.retrieval import Index, build_index, choose_engine
from dlheir.store.milvus import MilvusIndex, drop_indexes
from dlheir.store.policy import Policy
from dlheir.store.ranking import Ranking, Row
from dlheir.store.ranking_cache import load_ranking, save_ranking
from dlheir.store.root import SignedRoot


class SearchEngine:
    """Makes the index of a store's current state, from what is left of it where that is current."""

    def __init__(self, name: str, cache: Path | None) -> None:
        """Choose an engine.

        Args:
            name: one of `dlheir.retrieval.ENGINES`, or the URL of a Milvus server.
            cache: file that keeps an index within this process for the next one; null: none.

        Raises:
            InputError: when there is no engine of that name.
        """
        self._name, self._cache = name, cache
        if not self._is_milvus:
            choose_engine(name, bits=1, codes=0)

    @property
    def _is_milvus(self) -> bool:
        return "://" in self._name or self._name.endswith(".db")

    def ranking(
        self, root: SignedRoot, policy: Policy, rows: Callable[[], Sequence[Row]]
    ) -> Ranking:
        """Return the index of a state of the store.

        Args:
            root: of that state.
            policy: of the store.
            rows: returns its codes in the order of ids; called when there is no index of them yet.
        """
        if self._is_milvus:
            return self._on_milvus(root, policy, rows())
        stamp = {
            "format": 1,
            "root": root.encode().hex(),
            "sequence": root.sequence,
            "engine": self._name,
        }
        if self._cache and (ranking := load_ranking(self._cache, stamp, policy.bits)):
            return ranking
        table = rows()
        # While keys are rotated no version has all pictures: "ivf" gives way to an exact engine.
        rotating = len({version for _, version, _ in table}) > 1
        engine = "auto" if self._name == "ivf" and rotating else self._name
        ranking = Ranking.build(
            root.sequence, table, policy.bits, lambda _, codes: build_index(codes, engine)
        )
        if self._cache:
            save_ranking(self._cache, ranking, stamp)
        return ranking

    def _on_milvus(self, root: SignedRoot, policy: Policy, rows: Sequence[Row]) -> Ranking:
        name, stamp = f"dlheir_{root.store_id.hex()}_", f"{root.sequence} {root.root.hex()}"
        collections = []

        def make(version: int, codes: NDArray[np.uint8]) -> Index:
            index = MilvusIndex.current(
                self._name, f"{name}{version}", stamp, policy.bits, lambda: codes
            )
            collections.append(index.collection)
            return index

        ranking = Ranking.build(root.sequence, rows, policy.bits, make)
        drop_indexes(self._name, name, keep=collections)  # of key versions that are no more
        return ranking
