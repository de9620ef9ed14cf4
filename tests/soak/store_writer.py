"""A program that works on a store and says where it is, made to be killed at any moment.

It has everything imported and forks a process for each job, so that a kill costs milliseconds. A
job is a line of JSON on its input; on its output are "started" with the process's number, a line
whenever the process enters a step, and "ended" with its exit code.
"""

import json
import os
import random
import sys
from pathlib import Path

import numpy as np

from dlheir.store import CloudServer, DataOwner, KeyFile, Picture
from dlheir.store import database as database_module

BATCH = 4  # pictures a transaction


def main() -> None:
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            say(f"started {os.getpid()}")
            work(**json.loads(line))
            os._exit(0)
        _, status = os.waitpid(process, 0)
        say(f"ended {os.waitstatus_to_exitcode(status)}")


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def work(folder: str, network: bool, kind: str, names: list[str], version: int) -> None:
    """Do a job, or what an earlier process has left of it.

    Args:
        folder: Holds `keys.json` and, in `server`, the store.
        network: Work as on a network file system.
        kind: Of work: "add", "rotate" or "remove".
        names: Of the pictures to add or to remove.
        version: Of the keys that all pictures are to be brought under.
    """
    database_module.is_network = lambda path: network
    say("opening")
    file = KeyFile.open(Path(folder, "keys.json"))
    with TellingServer(Path(folder, "server/store.sqlite")) as server:
        owner = TellingOwner(file.keys, server)
        if kind == "add":
            missing = owner.missing([picture_of(name) for name in names])
            codes = codes_of([picture.name for picture in missing], server.policy.bits)
            owner.upload(missing, codes, BATCH, acknowledge)
        elif kind == "rotate":
            if file.keys.primary < version:
                say("saving keys")
                file.keys.start_version()
                file.save()
            owner.rotate(BATCH, acknowledge)
        elif kind == "remove":
            held = set(server.picture_ids)
            left = [name for name in names if file.keys.picture_id(name) in held]
            owner.remove(left, BATCH, acknowledge)
        say("closing")
    file.save()


def acknowledge(pictures: int) -> None:
    say("acknowledged")


def picture_of(name: str) -> Picture:
    draw = random.Random(name)
    return Picture(name, draw.randbytes(draw.choice([0, 300, 3000, 100_000])))


def codes_of(names: list[str], bits: int) -> np.ndarray:
    codes = [random.Random(f"code of {name}").choices([0, 1], k=bits) for name in names]
    return np.array(codes, dtype=np.uint8).reshape(len(names), bits)


class TellingOwner(DataOwner):
    """Says what it does apart from writing to the server."""

    def _current_ledger(self):
        if self._ledger is None:
            say("reading")
        return super()._current_ledger()

    def grant(self, recipient):
        say("granting")
        super().grant(recipient)

    def _opened(self, ids):
        say("unsealing")
        yield from super()._opened(ids)

    def _sealed(self, ids, contents, codes):
        say("sealing")
        return super()._sealed(ids, contents, codes)


class TellingServer(CloudServer):
    """Says how far each commit of pictures is."""

    def __init__(self, path):
        super().__init__(path)
        self._step = None
        if self._blobs is not None:
            store_outside = self._blobs.put
            self._blobs.put = lambda *blob: self._say("storing outside") or store_outside(*blob)

    def _commit(self, *change, **more):
        self._say("writing rows")
        connection = self._database._connection
        connection.set_trace_callback(lambda sql: sql == "COMMIT" and self._say("committing"))
        super()._commit(*change, **more)
        connection.set_trace_callback(None)
        self._step = None

    def _remove_blobs(self, names):
        if self._blobs is not None and self._step == "committing":
            self._say("cleaning up")
        super()._remove_blobs(names)

    def _say(self, step):
        self._step = step
        say(step)


if __name__ == "__main__":
    main()
