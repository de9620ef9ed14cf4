"""The query user: asks with trapdoors, believes only what the owner signed, opens the answers."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dlheir import retrieval
from dlheir.retrieval import check_codes
from dlheir.store.content import decode_content
from dlheir.store.envelope import envelope_tag, open_envelope
from dlheir.store.errors import (
    EnvelopeError,
    LyingServerError,
    StaleTrapdoorError,
    StoreError,
    StoreInputError,
)
from dlheir.store.keys import Access
from dlheir.store.manifest import one_each, verify_leaves, verify_root
from dlheir.store.merkle import root_from_proof
from dlheir.store.protection import CodeProtection
from dlheir.store.record import Leaf
from dlheir.store.replies import Found
from dlheir.store.root import SignedRoot
from dlheir.store.server import CloudServer

_ATTEMPTS = 5  # to ask while an owner brings pictures under a new key version


class Answers(NamedTuple):
    """What a search found, in the order (distance, id).

    Attributes:
        ids: (Q, min(k, N)) picture ids, an object array of bytes.
        distances: (Q, min(k, N)) in bits.
    """

    ids: NDArray[np.object_]
    distances: NDArray[np.int32]


class Opened(NamedTuple):
    """A decrypted answer.

    Attributes:
        picture_id: 16 bytes.
        name: what the owner calls the picture.
        picture: the bytes of its file.
        envelope: what the server holds instead.
    """

    picture_id: bytes
    name: str
    picture: bytes
    envelope: bytes


class QueryUser:
    """May ask a store and open its pictures."""

    def __init__(self, access: Access, server: CloudServer, seen: int = 0) -> None:
        """Take what the owner granted to a store.

        Args:
            access: keys and settings, from `open_grants` or `OwnerKeys.access`.
            server: the store.
            seen: the highest commit that this user has seen; an older state is refused.

        Raises:
            StoreInputError: when the access is to another store.
        """
        if access.policy != server.policy:
            raise StoreInputError(f"{server.path}: is not the store that access was granted to")
        self._access = access
        self._server = server
        self.seen = seen
        self._verified: SignedRoot | None = None
        self._protections: dict[int, CodeProtection] = {}

    def trapdoor(self, codes: ArrayLike) -> dict[int, NDArray[np.uint8]]:
        """Make what the server is asked with (the paper's TrapGen(Q) -> HC_q).

        In mode `plain`, the paper's, the trapdoor is the query's code itself: the server reads it.

        Args:
            codes: (Q, bits) in {0, 1}, the query pictures' codes.

        Returns:
            (Q, bits) uint8 in {0, 1} for each live key version, for `CloudServer.search`.

        Raises:
            InputError: when `codes` are no codes.
            StoreInputError: when there is no key of a live version.
            LyingServerError: when a version is live only by the server's word.
        """
        queries = check_codes(codes, "query codes", self._access.policy.bits)
        # An empty store has no live version; by one trapdoor it knows how many queries there are.
        live = self._live_versions() or [max(self._access.versions)]
        return {version: self._protection(version).trapdoor(queries) for version in live}

    def search(self, codes: ArrayLike, k: int, complete: bool = False) -> Answers:
        """Find the k pictures nearest to each query, and hold the answers to the signed root.

        Every answer is a picture that the owner signed for, at the distance that it is said to be.
        That none was left out is known where the whole table is downloaded: always in mode
        `client`, elsewhere when asked for.

        Args:
            codes: (Q, bits) in {0, 1}, the query pictures' codes.
            k: answers a query, at least 1; more than the store holds asks for all.
            complete: download the table and check that the answers are the right ones.

        Raises:
            InputError: when `codes` are no codes, or k < 1.
            LyingServerError: when the server's answers are not what the owner signed for.
            StoreError: when somebody has written to the store meanwhile; ask again.
        """
        queries = check_codes(codes, "query codes", self._access.policy.bits)
        if self._access.policy.mode == "client":
            return self._search_table(queries, k)[0]
        found = self._ask(queries, k)
        answers = Answers(found.ids, self._checked_distances(queries, k, found))
        if complete:
            self._check_complete(queries, k, found)
        return answers

    def open_answers(self, picture_ids: Iterable[bytes]) -> Iterator[Opened]:
        """Fetch sealed pictures, verify and decrypt them (the paper's Dec(K, R) -> Img_R).

        Args:
            picture_ids: one row of ids from `search`, or any ids.

        Yields:
            The pictures in that order; each is verified first.

        Raises:
            StoreInputError: on an id that the server does not hold, or on a picture under a key
                version that there is no grant for.
            EnvelopeError: on a picture that does not open; the message names its id.
            LyingServerError: on a picture that the owner did not sign for under this id.
        """
        wanted = list(picture_ids)
        for picture_id, served in one_each(wanted, self._server.get(wanted)):
            record = served.record
            self._check_member(picture_id, record.leaf, served.proof, served.root)
            protection = self._protection(record.key_version)  # before it does not open
            try:
                content = open_envelope(
                    self._access.versions,
                    self._access.policy.store_id,
                    picture_id,
                    record.envelope,
                )
            except EnvelopeError as error:
                raise EnvelopeError(f"picture {picture_id.hex()}: {error}") from None
            tag = envelope_tag(record.envelope)
            protection.check_mac(picture_id, record.code, tag, record.mac)
            name, picture = decode_content(content)
            yield Opened(picture_id, name, picture, record.envelope)

    def _live_versions(self) -> list[int]:
        """Key versions with a picture: under a retired one a revoked user reads trapdoors."""
        proven = self._server.witnesses()
        for leaf, proof, root in proven:
            self._check_member(leaf.picture_id, leaf, proof, root)
        return [leaf.key_version for leaf, _, _ in proven]

    def _ask(self, queries: NDArray[np.uint8], k: int) -> Found:
        for _ in range(_ATTEMPTS - 1):
            try:
                return self._server.search(self.trapdoor(queries), k)
            except StaleTrapdoorError:
                continue
        return self._server.search(self.trapdoor(queries), k)

    def _checked_distances(
        self, queries: NDArray[np.uint8], k: int, found: Found
    ) -> NDArray[np.int32]:
        """Hold ids and distances to the signed leaves, and their order to (distance, id)."""
        ids, distances, at = found
        self._check_root(at)
        if not ids.shape == distances.shape == (len(queries), min(k, at.count)):
            raise LyingServerError(f"{self._server.path}: hands out another number of answers")
        different, places = np.unique(ids, return_inverse=True)
        wanted: list[bytes] = list(different)
        proven = self._server.prove(wanted)
        for picture_id, (leaf, proof, root) in one_each(wanted, proven):
            if root != proven[0].root:
                raise LyingServerError(f"{self._server.path}: proves answers of different moments")
            self._check_member(picture_id, leaf, proof, root)
        if proven and min(k, proven[0].root.count) != ids.shape[1]:
            raise self._written_meanwhile()
        codes = self._revealed([leaf for leaf, _, _ in proven])
        places = places.reshape(ids.shape)
        true = np.empty(ids.shape, dtype=np.int32)
        for row, query in enumerate(queries):
            true[row] = np.count_nonzero(codes[places[row]] != query, axis=1)
        order = true.astype(np.int64) * (len(wanted) + 1) + places
        if not np.array_equal(true, distances) or (np.diff(order, axis=1) <= 0).any():
            raise LyingServerError(f"{self._server.path}: distances are not those of the answers")
        return true

    def _check_complete(self, queries: NDArray[np.uint8], k: int, found: Found) -> None:
        expected, root = self._search_table(queries, k)
        if root != found.root:
            raise self._written_meanwhile()
        if not np.array_equal(found.ids, expected.ids):
            raise LyingServerError(f"{self._server.path}: left answers out")

    def _search_table(self, queries: NDArray[np.uint8], k: int) -> tuple[Answers, SignedRoot]:
        """Search the whole table, which is the one that the owner signed for."""
        root, leaves = self._server.leaves()
        self._check_root(root)
        verify_leaves(self._access.owner_public, self._access.policy.store_id, root, leaves)
        leaves = sorted(leaves)
        ids = np.array([leaf.picture_id for leaf in leaves], dtype=object)
        rows, distances = retrieval.search(queries, self._revealed(leaves), k)
        return Answers(ids[rows], distances), root

    def _revealed(self, leaves: Sequence[Leaf]) -> NDArray[np.uint8]:
        """The pictures' own codes."""
        codes = np.empty((len(leaves), self._access.policy.bits), dtype=np.uint8)
        versions = np.array([leaf.key_version for leaf in leaves], dtype=np.int64)
        for version in np.unique(versions):
            rows = np.flatnonzero(versions == version).tolist()
            codes[rows] = self._protection(int(version)).reveal(
                [leaves[row].code for row in rows], [leaves[row].picture_id for row in rows]
            )
        return codes

    def _check_member(
        self, picture_id: bytes, leaf: Leaf, proof: Sequence[bytes], root: SignedRoot
    ) -> None:
        self._check_root(root)
        try:
            proven = root_from_proof(picture_id, leaf.hash, proof)
        except OverflowError:  # a key version that is none
            proven = b""
        if leaf.picture_id != picture_id or proven != root.root:
            raise LyingServerError(
                f"{self._server.path}: picture {picture_id.hex()} is not the one that the owner "
                "signed for"
            )

    def _check_root(self, root: SignedRoot) -> None:
        if root == self._verified:
            return
        verify_root(self._access.owner_public, self._access.policy.store_id, root)
        if root.sequence < self.seen:
            raise LyingServerError(
                f"{self._server.path}: shows commit {root.sequence} although {self.seen} was seen; "
                "an old copy was put in its place"
            )
        if self._verified is not None and root.sequence == self._verified.sequence:
            raise LyingServerError(
                f"{self._server.path}: shows two states of the store as commit {root.sequence}"
            )
        self.seen = root.sequence
        self._verified = root

    def _written_meanwhile(self) -> StoreError:
        return StoreError(f"{self._server.path}: was written to meanwhile; ask again")

    def _protection(self, version: int) -> CodeProtection:
        if version not in self._protections:
            key = self._key(version)
            self._protections[version] = CodeProtection(self._access.policy, version, key)
        return self._protections[version]

    def _key(self, version: int) -> bytes:
        if version not in self._access.versions:
            raise StoreInputError(
                f"{self._server.path}: pictures are under key version {version}, which you have no "
                "grant for; ask the owner"
            )
        return self._access.versions[version]
