"""The owner's view of a store: what it holds, by the owner's own signature, and what comes next."""

from collections.abc import Iterable

from dlheir.store.errors import LyingServerError, StoreInputError
from dlheir.store.keys import OwnerKeys
from dlheir.store.manifest import sign_root, verify_leaves
from dlheir.store.record import Leaf
from dlheir.store.root import SignedRoot
from dlheir.store.server import CloudServer


class Ledger:
    """The leaf table, verified once, then kept in step with the owner's own writes.

    So the owner signs only what the owner has put there, whatever the server says.
    """

    def __init__(self, server: CloudServer, keys: OwnerKeys) -> None:
        """Download the table and hold it to the owner's last signed root.

        Raises:
            LyingServerError: when the server shows another table, or an older one than the keys
                have seen.
            StoreInputError: when the keys are older than the store.
        """
        root, leaves = server.leaves()
        self._keys = keys
        self._tree = verify_leaves(keys.owner_public, keys.policy.store_id, root, leaves)
        if root.sequence < keys.seen:
            raise LyingServerError(
                f"{server.path}: shows commit {root.sequence}, but {keys.seen} was made; "
                "an old copy was put in its place"
            )
        lacking = {leaf.key_version for leaf in leaves} - keys.versions.keys()
        if lacking:  # another key under a number that is taken would lock the users out
            raise StoreInputError(
                f"{server.path}: holds pictures under key version {min(lacking)}, which these keys "
                "lack; bring back the newest copy of the key file"
            )
        self.sequence = keys.seen = root.sequence
        self.leaves = {leaf.picture_id: leaf for leaf in leaves}

    def next_root(self, put: Iterable[Leaf] = (), remove: Iterable[bytes] = ()) -> SignedRoot:
        """Take a change in and sign what the store is after it.

        If the server then refuses the change, this ledger is worth nothing: load another.
        """
        for picture_id in remove:
            self._tree.remove(picture_id)
            del self.leaves[picture_id]
        for leaf in put:
            self._tree.put(leaf)
            self.leaves[leaf.picture_id] = leaf
        self.sequence += 1
        keys = self._keys
        return sign_root(keys.signing_key, keys.policy.store_id, self.sequence, self._tree)
