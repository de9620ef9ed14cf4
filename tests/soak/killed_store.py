"""What must hold of a store whose writer was killed, by a model of what its jobs do."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from store_writer import BATCH, codes_of, picture_of

from dlheir.store import (
    CloudServer,
    DataOwner,
    KeyFile,
    OwnerKeys,
    QueryUser,
    UserKeys,
    new_policy,
    open_grants,
)
from dlheir.store.manifest import verify_leaves

KINDS = ("add", "rotate", "remove")
KEPT, PASSING = 6, 10  # pictures that stay, and that come and go in a round of the three

# How many batches beyond the acknowledged ones may be stored, by the writer's last word.
AHEAD = {"committing": {0, 1}, "cleaning up": {1}}

Held = dict[str, int]
"""Key version of each picture that is stored, by name."""


@dataclass
class KilledStore:
    """A store, its keys, and what has to be in it."""

    folder: Path
    network: bool
    user: UserKeys
    held: Held
    seen: int = 0

    @classmethod
    def create(cls, folder, mode, bits, blobs, network):
        (folder / "server/blobs").mkdir(parents=True)
        keys = OwnerKeys.generate().bind(new_policy(bits, mode))
        user = UserKeys.generate(keys.owner_public)
        keys.users["user"] = user.public_key
        KeyFile.create(folder / "keys.json", keys)
        names = [f"kept/{number}" for number in range(KEPT)]
        path, root = folder / "server/store.sqlite", DataOwner.empty_root(keys)
        with CloudServer.create(path, keys.policy, root, blobs) as server:
            owner = DataOwner(keys, server)
            owner.grant(user.public_key)
            owner.upload([picture_of(name) for name in names], codes_of(names, bits))
        return cls(folder, network, user, dict.fromkeys(names, 1))

    @property
    def outside(self) -> bool:
        """Whether sealed pictures lie outside of the store's file."""
        return any((self.folder / "server/blobs").iterdir())

    def job(self, kind, number):
        """Arguments of the writer: bring pictures, change their keys, take them away again."""
        return {
            "folder": str(self.folder),
            "network": self.network,
            "kind": kind,
            "names": [f"{number}/{n}" for n in range(PASSING)],
            "version": max(self.held.values()) + (kind == "rotate"),
        }

    def check_after_kill(self, job, said, copies):
        """Hold what is stored to what the writer said.

        The check looks at a copy: what the kill left in the journal and outside stays for the next
        writer to settle.
        """
        stages = self._stages(job)
        at = said.count("acknowledged")
        possible = [stages[at + ahead] for ahead in AHEAD.get(said[-1], {0})]
        self._check_copy(possible, copies)

    def check_after_end(self, job, copies):
        """The whole job is done and nothing of any killed writer is left."""
        self._check_copy([self._stages(job)[-1]], copies)
        with CloudServer(self.folder / "server/store.sqlite") as server:
            expected = {"store.sqlite"}
            if server.blobs_at is not None:
                names = [leaf.envelope_hash.hex() for leaf in server.leaves()[1]]
                expected |= {f"blobs/{name[:2]}/{name}" for name in names}
        assert files_below(self.folder / "server") == expected

    def _stages(self, job) -> list[Held]:
        """What is stored after none, one, two, ... of the batches that are left to do."""
        keys = KeyFile.open(self.folder / "keys.json").keys
        left = {
            "add": [name for name in job["names"] if name not in self.held],
            "rotate": [name for name, version in self.held.items() if version < job["version"]],
            "remove": [name for name in job["names"] if name in self.held],
        }[job["kind"]]
        left.sort(key=keys.picture_id)
        stages = [self.held]
        for start in range(0, len(left), BATCH):
            batch = dict.fromkeys(left[start : start + BATCH], job["version"])
            if job["kind"] == "remove":
                stages.append({n: v for n, v in stages[-1].items() if n not in batch})
            else:
                stages.append(stages[-1] | batch)
        return stages

    def _check_copy(self, possible: list[Held], copies):
        copy = Path(shutil.copytree(self.folder, copies / "copy"))
        keys = KeyFile.open(copy / "keys.json").keys
        with CloudServer(copy / "server/store.sqlite") as server:
            root, leaves = server.leaves()
            verify_leaves(keys.owner_public, server.policy.store_id, root, leaves)
            assert list(server.damage()) == []
            stored = {leaf.picture_id: leaf.key_version for leaf in leaves}
            (self.held,) = (
                held
                for held in possible
                if stored == {keys.picture_id(name): held[name] for name in held}
            )
            self._ask(server, keys)
            server.sweep()
            if server.blobs_at is not None:
                names = [leaf.envelope_hash.hex() for leaf in leaves]
                outside = {f"{name[:2]}/{name}" for name in names}
                assert files_below(copy / "server/blobs") == outside
        shutil.rmtree(copy)

    def _ask(self, server, keys):
        """Every picture opens and is found at distance 0, by the keys that a user was granted."""
        access = open_grants(self.user, server.grants(self.user.public_key))
        user = QueryUser(access, server, self.seen)
        names = list(self.held)
        ids = [keys.picture_id(name) for name in names]
        codes = codes_of(names, server.policy.bits)
        answers = user.search(codes, len(names), complete=True)
        for row, code in enumerate(codes):
            ranked = sorted(zip((codes != code).sum(axis=1).tolist(), ids, strict=True))
            assert (0, ids[row]) in ranked
            assert answers.ids[row].tolist() == [picture_id for _, picture_id in ranked]
            assert answers.distances[row].tolist() == [distance for distance, _ in ranked]
        opened = [(answer.name, answer.picture) for answer in user.open_answers(ids)]
        assert opened == [tuple(picture_of(name)) for name in names]
        self.seen = user.seen  # the next root is this one or a later one


def files_below(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
