"""The cloud server: sealed pictures and protected codes in one SQLite file.

It never holds a key or a plain picture, and this module imports nothing that could open one. What
it is told it stores; whether it tells the truth, its users find out by the owner's signed root.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dlheir.errors import InputError
from dlheir.retrieval import check_codes
from dlheir.store.blobs import Blobs, open_blobs
from dlheir.store.database import Database
from dlheir.store.errors import ConflictError, StoreError, StoreInputError
from dlheir.store.merkle import MerkleTree
from dlheir.store.picture_table import PictureTable
from dlheir.store.policy import Policy
from dlheir.store.ranking import Ranking
from dlheir.store.record import Leaf, Record
from dlheir.store.replies import Found, Proven, Served
from dlheir.store.root import SignedRoot
from dlheir.store.search_engine import SearchEngine

_RECALL_QUERIES = 200
_PICTURES_AT_ONCE = 32  # read in one snapshot, and held in memory
_T = TypeVar("_T")


class CloudServer:
    """Stores what the data owner uploads and searches it for the query user.

    Use it as a context manager, or call `close`: after that the folder holds the one file. What
    `put`, `replace` and `remove` did is on the disk when they return, all of it or, after any
    failure, nothing.

    Every method raises StoreError (StoreInputError where the caller gave something wrong) with one
    line that names the file.
    """

    def __init__(self, path: str | Path, engine: str = "auto", cache: Path | None = None) -> None:
        """Open an existing store.

        Args:
            path: the file.
            engine: what searches: one of `dlheir.retrieval.ENGINES`, or the URL of a Milvus server.
            cache: where the index is kept between processes; null keeps it in memory alone.

        Raises:
            StoreInputError: when the file is missing or is no store.
        """
        self.path = Path(path)
        self._engine = SearchEngine(engine, cache)
        self._ranking: Ranking | None = None
        self._tree: tuple[int, MerkleTree] | None = None
        self._database = Database(self.path)
        try:
            self.policy = self._decoded("policy", Policy.decode)
            (self.blobs_at,) = self._database.one("SELECT CAST(blobs AS TEXT) FROM store")
            self._blobs = _open_blobs(self.path, self.blobs_at)
            self._pictures = PictureTable(self._database, self.policy, self._blobs)
        except BaseException:
            self.close()
            raise

    @classmethod
    def create(
        cls, path: str | Path, policy: Policy, root: SignedRoot, blobs: str | None = None
    ) -> Self:
        """Make an empty store and open it.

        Args:
            path: of a file that does not exist.
            policy: the owner's settings.
            root: of the empty store: sequence 0.
            blobs: where sealed pictures live: a folder, relative to the file's, or an fsspec URL;
                null: in the file.

        Raises:
            StoreInputError: when the file exists or the folder does not.
            StoreError: when it cannot be written.
        """
        _open_blobs(Path(path), blobs)  # refuses what is none before there is a store
        Database.create(Path(path), policy.encode(), root.encode(), blobs)
        return cls(path)

    def close(self) -> None:
        """Close the file. A second call does nothing."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __len__(self) -> int:
        """Return the number of pictures."""
        return self.root.count

    @property
    def root(self) -> SignedRoot:
        """What the owner signed with the last commit."""
        return self._decoded("root", SignedRoot.decode)

    @property
    def key_versions(self) -> dict[int, int]:
        """Number of pictures under each live key version; two or more while keys are rotated."""
        rows = self._database.all(
            "SELECT key_version, count(*) FROM pictures GROUP BY key_version ORDER BY key_version"
        )
        return dict(rows)

    @property
    def picture_ids(self) -> list[bytes]:
        """All ids in the order in which pictures at equal distance are ranked: ascending."""
        rows = self._database.all("SELECT picture_id FROM pictures ORDER BY picture_id")
        return [picture_id for (picture_id,) in rows]

    def put(self, records: Sequence[Record], root: SignedRoot) -> None:
        """Store new pictures: all of them, or none if anything fails.

        Args:
            records: the pictures.
            root: of the store with them.

        Raises:
            StoreInputError: on a known id, or an id, code or MAC of the wrong length.
            ConflictError: when somebody else has written meanwhile.
            StoreError: when the disk is full or cannot be written.
        """
        self._commit(root, put=records)

    def replace(self, records: Sequence[Record], root: SignedRoot) -> None:
        """Exchange pictures for the same ones under another key, all or none; errors as `put`."""
        replaced = [self._pictures.leaf(record.picture_id) for record in records]
        self._commit(root, drop=replaced, put=records)

    def remove(self, picture_ids: Sequence[bytes], root: SignedRoot) -> None:
        """Forget pictures, all or none; errors as `put`."""
        removed = [self._pictures.leaf(picture_id) for picture_id in picture_ids]
        self._commit(root, drop=removed)

    def search(self, trapdoors: Mapping[int, ArrayLike], k: int) -> Found:
        """Find the k pictures nearest to each trapdoor (the paper's Search(HC, HC_q) -> R).

        Args:
            trapdoors: (Q, bits) in {0, 1} for each live key version, from `QueryUser.trapdoor`.
            k: answers a query, at least 1; more than the store holds asks for all.

        Returns:
            What was found, ordered by (distance, id), with the root of the same moment.

        Raises:
            StoreInputError: on trapdoors of another length, or where codes are sealed.
            StaleTrapdoorError: when pictures are under a key version without a trapdoor.
            InputError: on trapdoors that are no codes, or k < 1.
        """
        queries = self._checked(trapdoors)
        if k < 1:
            raise InputError(f"k: {k}, expected at least 1")
        root, ranking = self._current_ranking()
        return Found(*ranking.search(queries, k), root)

    def recall(self, k: int) -> float:
        """Return the share of the right answers that `search` finds.

        It is 1 with every engine but "ivf", where it is measured with 200 of the stored codes as
        queries.
        """
        self._refuse_sealed()
        _, ranking = self._current_ranking()
        sample = self._pictures.sample(_RECALL_QUERIES)
        return ranking.recall([leaf[:3] for leaf in sample], self.policy.bits, k)

    def _refuse_sealed(self) -> None:
        if self.policy.mode == "client":
            raise StoreInputError(
                f"{self.path}: its codes are sealed; its users search them themselves"
            )

    def _checked(self, trapdoors: Mapping[int, ArrayLike]) -> dict[int, NDArray[np.uint8]]:
        self._refuse_sealed()
        queries = {version: check_codes(codes, "trapdoors") for version, codes in trapdoors.items()}
        for codes in queries.values():
            if codes.shape[1] != self.policy.bits:
                raise StoreInputError(
                    f"{self.path}: trapdoors of {codes.shape[1]} bits, "
                    f"the store's have {self.policy.bits}"
                )
        if len({len(codes) for codes in queries.values()}) > 1:
            raise StoreInputError(f"{self.path}: other numbers of trapdoors for each key version")
        return queries

    def prove(self, picture_ids: Sequence[bytes]) -> list[Proven]:
        """Return the rows of pictures, with their proofs, without the pictures.

        Raises:
            StoreInputError: on an id that the store does not hold.
        """
        with self._database.snapshot():
            return self._prove(picture_ids)

    def witnesses(self) -> list[Proven]:
        """Return the row of one picture under each live key version, with its proof."""
        with self._database.snapshot():
            rows = self._database.all("SELECT min(picture_id) FROM pictures GROUP BY key_version")
            return self._prove([picture_id for (picture_id,) in rows])

    def get(self, picture_ids: Sequence[bytes]) -> Iterator[Served]:
        """Yield the sealed pictures with their proofs, in the order of the ids.

        Raises:
            StoreInputError: on reaching an id that the store does not hold.
            StoreError: on reaching a picture that is damaged; the message names it.
        """
        for start in range(0, len(picture_ids), _PICTURES_AT_ONCE):
            served, failure = self._get(picture_ids[start : start + _PICTURES_AT_ONCE])
            yield from served
            if failure is not None:
                raise failure

    def leaves(self) -> tuple[SignedRoot, list[Leaf]]:
        """Return the whole table of codes and hashes, in the order of ids, and its root."""
        with self._database.snapshot():
            return self.root, self._pictures.all()

    def put_grant(self, recipient: bytes, key_version: int, grant: bytes) -> None:
        """Keep a grant until its user asks for it."""
        with self._database.writing():
            values = (recipient, key_version, grant)
            self._database.execute("INSERT OR REPLACE INTO grants VALUES (?, ?, ?)", values)

    def grants(self, recipient: bytes) -> list[bytes]:
        """Return the grants for the user with this public key, oldest key version first."""
        rows = self._database.all(
            "SELECT sealed_key FROM grants WHERE recipient = ? ORDER BY key_version", (recipient,)
        )
        return [grant for (grant,) in rows]

    def remove_grants(self, recipient: bytes) -> None:
        """Forget a user's grants."""
        with self._database.writing():
            self._database.execute("DELETE FROM grants WHERE recipient = ?", (recipient,))

    def sweep(self) -> int:
        """Remove sealed pictures outside that no row names, as a killed writer leaves them.

        Returns:
            How many there were.
        """
        if self._blobs is None:
            return 0
        with self._database.writing():  # a writer's blobs have no rows until it commits
            self._blobs.sweep()
            return self._remove_orphans(self._blobs.names())

    def damage(self, progress: Callable[[int], None] | None = None) -> Iterator[str]:
        """Check the file, every picture's hash and the root; yield a line on each fault.

        Args:
            progress: called with 1 after each picture.
        """
        yield from self._file_faults()
        try:
            root, leaves = self.leaves()
        except StoreError as error:
            yield str(error)
            yield from self._damaged_rows()
            return
        if MerkleTree(leaves).root != root.root:
            yield f"{self.path}: codes and hashes do not agree with the signed root"
        for leaf in leaves:
            try:
                self._pictures.envelope(leaf)
            except StoreError as error:
                yield str(error)
            if progress is not None:
                progress(1)

    def _damaged_rows(self) -> Iterator[str]:
        """The pictures whose rows are gone or wrong, as far as the sealed ones in the file tell."""
        with suppress(StoreError):
            ids = "SELECT picture_id FROM envelopes WHERE typeof(picture_id) = 'blob'"
            for (picture_id,) in self._database.all(ids):
                try:
                    self._pictures.leaf(picture_id)
                except StoreError as error:
                    yield f"picture {picture_id.hex()}: {error}"

    def _file_faults(self) -> Iterator[str]:
        """What SQLite finds wrong with its file, which need not concern any picture."""
        try:
            lines = [line for (line,) in self._database.all("PRAGMA integrity_check")]
        except StoreError as error:  # damage that ends the check itself
            yield str(error)
        else:
            yield from (f"{self.path}: {line.splitlines()[-1]}" for line in lines if line != "ok")

    def _commit(
        self, root: SignedRoot, drop: Sequence[Leaf] = (), put: Sequence[Record] = ()
    ) -> None:
        """Write rows and root in one transaction: blobs before it ends, their removal after."""
        for record in put:
            self._pictures.check(record)
        leaves = [record.leaf for record in put]  # each makes its picture's hash
        kept = {leaf.envelope_hash for leaf in leaves}
        written: list[str] = []
        try:
            with self._database.writing():
                held = self.root
                if root.store_id != held.store_id or root.sequence != held.sequence + 1:
                    raise ConflictError(
                        f"{self.path}: has been written to since it was read (commit "
                        f"{held.sequence}); start again"
                    )
                self._pictures.delete(drop)
                self._pictures.insert(leaves, [record.envelope for record in put])
                if self._blobs is not None:
                    for leaf, record in zip(leaves, put, strict=True):
                        written.append(leaf.envelope_hash.hex())
                        self._blobs.put(written[-1], record.envelope)
                self._database.execute("UPDATE store SET root = ?", (root.encode(),))
        except BaseException:
            with suppress(StoreError):  # what cannot be removed now, `sweep` removes
                self._remove_orphans(written)  # none, where Ctrl-C came just after the commit
            raise
        with suppress(StoreError):
            self._remove_blobs(
                leaf.envelope_hash.hex() for leaf in drop if leaf.envelope_hash not in kept
            )

    def _remove_orphans(self, names: Iterable[str]) -> int:
        orphans = set(names)
        if orphans:
            rows = self._database.all("SELECT envelope_hash FROM pictures")
            orphans -= {envelope_hash.hex() for (envelope_hash,) in rows}
        self._remove_blobs(orphans)
        return len(orphans)

    def _remove_blobs(self, names: Iterable[str]) -> None:
        if self._blobs is not None:
            for name in names:
                self._blobs.remove(name)

    def _prove(self, picture_ids: Sequence[bytes]) -> list[Proven]:
        root, tree = self.root, self._current_tree()
        leaves = [self._pictures.leaf(picture_id) for picture_id in picture_ids]
        return [Proven(leaf, tree.prove(leaf.picture_id), root) for leaf in leaves]

    def _get(self, picture_ids: Sequence[bytes]) -> tuple[list[Served], StoreError | None]:
        """Read pictures at one moment, up to the first that cannot be read, and say why not."""
        served: list[Served] = []
        with self._database.snapshot():
            moment = self.root
            try:
                for picture_id in picture_ids:
                    ((leaf, proof, root),) = self._prove([picture_id])
                    served.append(
                        Served(Record(*leaf[:4], self._pictures.envelope(leaf)), proof, root)
                    )
                return served, None
            except StoreError as error:
                failure = error
        if self.root != moment:  # a blob outside went away: its picture was sealed anew
            return self._get(picture_ids)
        return served, failure

    def _current_tree(self) -> MerkleTree:
        root = self.root
        if self._tree is None or self._tree[0] != root.sequence:
            self._tree = root.sequence, MerkleTree(self._pictures.all())
        return self._tree[1]

    def _current_ranking(self) -> tuple[SignedRoot, Ranking]:
        """Return the index, rebuilt if anyone has committed since."""
        with self._database.snapshot():  # number and codes of one moment
            root = self.root
            if self._ranking is None or self._ranking.sequence != root.sequence:
                self._ranking = self._engine.ranking(
                    root, self.policy, lambda: [leaf[:3] for leaf in self._pictures.all()]
                )
        return root, self._ranking

    def _decoded(self, column: str, decode: Callable[[bytes], _T]) -> _T:
        """Read what the store says of itself."""
        row = self._database.one(f"SELECT {column} FROM store")
        try:
            return decode(row[0])
        except (StoreError, InputError, TypeError):  # no row, NULL, or other bytes
            raise StoreError(f"{self.path}: its {column} is damaged; bring back a copy") from None


def _open_blobs(path: Path, location: str | None) -> Blobs | None:
    if location is None:
        return None
    return open_blobs(location if "://" in location else str(path.parent / location))
