"""Writes to a store: all of each or nothing, one after the other, each seen as a whole."""

import sqlite3
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import chain
from multiprocessing import get_context

import numpy as np
import pytest
from unsigned_store import (
    by_id,
    create,
    files_below,
    held,
    ids_of,
    put,
    records,
    remove,
    replace,
    root_after,
    sealed_anew,
)

import dlheir.store.database as database_module
from dlheir.store import CloudServer, ConflictError, StoreError
from dlheir.store.merkle import MerkleTree, root_from_proof

OLD, NEW = records(6, seed=1), records(4, seed=2)
WRITES = {
    "put": lambda server: put(server, NEW),
    "replace": lambda server: replace(server, sealed_anew(OLD[:4])),
    "remove": lambda server: remove(server, ids_of(OLD[:4])),
}
AFTERWARDS = {
    "put": by_id(OLD + NEW),
    "replace": by_id(sealed_anew(OLD[:4]) + OLD[4:]),
    "remove": by_id(OLD[4:]),
}
ZEROS = np.zeros((1, 12), np.uint8)


@pytest.fixture(params=[None, "blobs"], ids=["inside", "outside"])
def server(request, tmp_path):
    (tmp_path / "blobs").mkdir()
    with create(tmp_path / "store.sqlite", blobs=request.param) as server:
        put(server, OLD)
        yield server


class FailingConnection:
    """A database connection, one statement of which fails: not done, or done and then failed."""

    def __init__(self, connection, number, error, done):
        self._connection, self._error, self._done = connection, error, done
        self.left = number

    def execute(self, sql, values=()):
        self.left -= 1
        if self.left == 0 and not self._done:
            raise self._error
        result = self._connection.execute(sql, values)
        if self.left == 0:
            raise self._error
        return result

    def __getattr__(self, name):
        return getattr(self._connection, name)


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize(
    ("error", "raised", "done"),
    [
        pytest.param(sqlite3.OperationalError("disk I/O error"), StoreError, False, id="disk"),
        pytest.param(KeyboardInterrupt(), KeyboardInterrupt, False, id="Ctrl-C before"),
        pytest.param(KeyboardInterrupt(), KeyboardInterrupt, True, id="Ctrl-C after"),
    ],
)
def test_a_failure_at_any_statement_leaves_all_or_nothing(server, write, error, raised, done):
    before = held(server)
    whole = server._database._connection
    number = failures = committed = 0
    while not committed:
        number += 1
        failing = FailingConnection(whole, number, error, done)
        server._database._connection = failing
        try:
            WRITES[write](server)
        except raised:
            failures += 1
        finally:
            server._database._connection = whole
        assert (failing.left > 0) == (failures < number)
        assert list(server.damage()) == []  # rows, root and files agree
        committed = server.root.sequence == 2
        left_outside = server.sweep()
        if not committed:
            assert held(server) == before
            assert left_outside == 0
    assert held(server)[1] == AFTERWARDS[write]
    assert failures > 8


@pytest.mark.parametrize("write", ["put", "replace"])
@pytest.mark.parametrize("number", [1, 3, 4])
@pytest.mark.parametrize("error", [StoreError("no room"), KeyboardInterrupt()])
def test_a_failure_at_any_file_outside_leaves_nothing(tmp_path, write, number, error, monkeypatch):
    (tmp_path / "blobs").mkdir()
    with create(tmp_path / "store.sqlite", blobs="blobs") as server:
        put(server, OLD)
        before, files = held(server), files_below(tmp_path / "blobs")
        real_put, calls = server._blobs.put, []

        def fail(name, data):
            calls.append(name)
            if len(calls) == number:
                raise error
            real_put(name, data)

        with monkeypatch.context() as patched:
            patched.setattr(server._blobs, "put", fail)
            with pytest.raises(type(error)):
                WRITES[write](server)
        assert len(calls) == number
        assert held(server) == before
        assert files_below(tmp_path / "blobs") == files
        WRITES[write](server)  # and the server goes on
        assert held(server)[1] == AFTERWARDS[write]


@contextmanager
def at_each_statement(server, act):
    """Call `act` with each SQL statement as it begins."""
    failures = []

    def guarded(sql):  # SQLite drops what is raised here
        try:
            act(sql)
        except BaseException as error:
            failures.append(error)

    server._database._connection.set_trace_callback(guarded)
    yield
    server._database._connection.set_trace_callback(None)
    assert failures == []


@pytest.mark.parametrize("write", WRITES)
def test_nothing_is_seen_before_all_of_it_is(server, write):
    with CloudServer(server.path) as other:
        before, begun = held(other), []

        def look(sql):
            assert held(other) == before
            begun.append(sql.split()[0])

        with at_each_statement(server, look):
            WRITES[write](server)
        assert begun[-1] == "COMMIT"
        assert {"INSERT", "DELETE", "UPDATE"} & set(begun)
        assert held(other)[1] == AFTERWARDS[write]


@pytest.mark.parametrize("write", WRITES)
def test_of_two_writers_one_is_told_of_a_conflict(server, write):
    with CloudServer(server.path) as other:
        late = records(1, seed=3)
        root = root_after(other, put=late)
        WRITES[write](server)
        with pytest.raises(ConflictError, match=r"store\.sqlite: has been written to"):
            other.put(late, root)
        assert held(server)[1] == held(other)[1] == AFTERWARDS[write]
        assert list(server.damage()) == []
        assert server.sweep() == 0
        put(other, late)
        assert held(server)[1] == by_id(AFTERWARDS[write] + late)


@pytest.mark.parametrize("server", ["blobs"], indirect=True)
@pytest.mark.parametrize(
    "work",
    [
        lambda other: put(other, records(1, seed=3)),
        lambda other: other.sweep(),  # would take the upload's blobs, which have no rows yet
        lambda other: other.put_grant(bytes(32), 1, b"grant"),
    ],
    ids=["write", "sweep", "grant"],
)
def test_who_writes_locks_the_others_out(server, work, monkeypatch):
    monkeypatch.setattr(database_module, "_PATIENCE", 0)
    with CloudServer(server.path) as other:
        refused = []

        def intrude(sql):
            if sql.startswith("UPDATE store"):  # the last before the commit
                with pytest.raises(StoreError, match="another program writes to it; try again"):
                    work(other)
                refused.append(sql)

        with at_each_statement(server, intrude):
            put(server, NEW)
        assert len(refused) == 1
        assert held(server)[1] == AFTERWARDS["put"]
        work(other)
    assert list(server.damage()) == []


def write_some(path, seed):
    """Store ten pictures, each by itself, and remove every third; return what has to be there."""
    kept = []
    with CloudServer(path) as server:
        for number, record in enumerate(records(10, seed=seed)):
            until_done(lambda: put(server, [record]))  # noqa: B023
            kept.append(record)
            if number % 3 == 2:
                until_done(lambda: remove(server, [kept[0].picture_id]))
                kept.pop(0)
            server.sweep()
    return kept


def until_done(write):
    while True:
        try:
            return write()
        except ConflictError:
            continue


def test_what_several_processes_were_told_is_stored_is(server):
    before = server.root.sequence
    with ProcessPoolExecutor(3, get_context("fork")) as pool:
        kept = list(pool.map(write_some, [server.path] * 3, [11, 12, 13]))
    assert held(server)[1] == by_id([*OLD, *chain(*kept)])
    assert server.root.sequence == before + 3 * 13
    assert list(server.damage()) == []
    assert server.sweep() == 0


def searched(server):
    found = server.search({1: ZEROS, 2: ZEROS}, 10)
    assert sorted(found.ids[0]) == sorted(ids_of(OLD))
    assert found.root.sequence == server._ranking.sequence
    return found.root


def downloaded(server):
    root, leaves = server.leaves()
    assert MerkleTree(leaves).root == root.root
    return root


def proven(server):
    proven = server.prove(ids_of(OLD))
    for leaf, proof, root in proven:
        assert root_from_proof(leaf.picture_id, leaf.hash, proof) == root.root
    (root,) = {root for _, _, root in proven}
    return root


def served(server):
    served = list(server.get(ids_of(OLD)))
    for record, proof, root in served:
        assert root_from_proof(record.picture_id, record.leaf.hash, proof) == root.root
    (root,) = {root for _, _, root in served}
    return root


@pytest.mark.parametrize("read", [searched, downloaded, proven, served])
def test_a_reader_sees_one_moment_whoever_commits_meanwhile(server, read):
    """Whichever statement of the reader's the commit comes before."""
    statement, commits_behind = 0, []
    with CloudServer(server.path) as other:
        while len(commits_behind) == statement:
            statement += 1
            begun = []

            def overtake(sql):
                begun.append(sql)  # noqa: B023
                if len(begun) == statement:  # noqa: B023
                    replace(other, sealed_anew(OLD, seed=statement))  # noqa: B023

            with at_each_statement(server, overtake):
                root = read(server)
            if len(begun) >= statement:
                commits_behind.append(other.root.sequence - root.sequence)
    assert set(commits_behind) == {0, 1}
    assert list(server.damage()) == []
