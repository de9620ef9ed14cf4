"""Lock files: one process at a time, whatever becomes of it."""

import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager

import pytest
from command_line import FILES, snapshot, the_run

from dlheir.errors import InputError
from dlheir.locks import held_by, locked

HOLD = """
import os, signal, sys, time
from pathlib import Path
from dlheir.locks import locked
with locked(Path(sys.argv[1])):
    child = os.fork()  # like a process that loads pictures
    if child == 0:
        os.close(1)
        time.sleep(300)
    print(child, flush=True)
    sys.stdin.read()
os.kill(child, signal.SIGKILL)
"""


@contextmanager
def holder(path):
    """Another process that holds a lock file and has a child of its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        child = int(process.stdout.readline())
        try:
            yield process
        finally:
            if process.poll() is None:
                process.stdin.close()
            else:
                os.kill(child, signal.SIGKILL)


@pytest.fixture
def lock(tmp_path):
    return tmp_path / ".lock"


def test_file_names_its_holder_and_goes_with_it(lock):
    assert held_by(lock) is None
    with locked(lock):
        assert lock.read_text() == f"{os.getpid()} on {socket.gethostname()}"
    assert not lock.exists()


def test_file_goes_when_the_work_fails(lock):
    with pytest.raises(RuntimeError), locked(lock):
        raise RuntimeError
    assert not lock.exists()


def test_second_process_is_refused(lock):
    with holder(lock) as process:
        name = f"{process.pid} on {socket.gethostname()}"
        assert held_by(lock) == name
        with (
            pytest.raises(InputError, match=f"{lock.parent}: process {name} is at work"),
            locked(lock),
        ):
            pytest.fail("both are in")
        assert held_by(lock) == name
    assert not lock.exists()
    with locked(lock):
        pass


def test_killed_process_holds_nothing_though_its_child_lives(lock):
    with holder(lock) as process:
        process.kill()
        process.wait()
        assert lock.exists()
        assert held_by(lock) is None
        with locked(lock):
            assert lock.read_text().startswith(f"{os.getpid()} on ")
    assert not lock.exists()


def test_file_that_its_holder_removes_meanwhile_is_not_taken_for_the_lock(lock, monkeypatch):
    lockf = fcntl.lockf
    with ExitStack() as stack:

        def too_late(*arguments):
            monkeypatch.setattr(fcntl, "lockf", lockf)
            lock.unlink()
            stack.enter_context(holder(lock))
            lockf(*arguments)

        monkeypatch.setattr(fcntl, "lockf", too_late)
        with pytest.raises(InputError, match="is at work"), locked(lock):
            pytest.fail("both are in")


def test_a_look_does_not_keep_a_process_out(lock):
    look = (
        "import fcntl, sys, time; file = open(sys.argv[1], 'w+');"
        "fcntl.lockf(file, fcntl.LOCK_SH); print(flush=True); time.sleep(0.1)"
    )
    with subprocess.Popen([sys.executable, "-c", look, lock], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        with locked(lock):
            pass


def test_lock_of_a_new_folder_stays_when_the_old_one_was_moved(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    with locked(folder / ".lock"):
        folder.rename(tmp_path / "moved")
        folder.mkdir()
        (folder / ".lock").write_text("another's")
    assert (folder / ".lock").read_text() == "another's"


def test_file_systems_without_locks(lock, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", refuse)
    with locked(lock):
        assert held_by(lock) is None
    assert not lock.exists()


@pytest.mark.parametrize("command", ["fit", "test"])
def test_run_that_another_process_is_at_is_refused_and_unchanged(
    main, small, finished_run, tmp_path, command
):
    checkpoint = finished_run.folder / "checkpoints" / "last.ckpt"
    arguments = small(tmp_path, command, **({"ckpt_path": checkpoint} if command == "test" else {}))
    finished = main(*arguments)
    assert finished.code == 0, finished.err
    folder = the_run(tmp_path)
    (folder / "results.json").unlink()
    with holder(folder / ".lock") as process:
        before = snapshot(tmp_path)
        refused = main(*arguments)
        assert refused.code == 2
        assert (
            f"{folder}: process {process.pid} on {socket.gethostname()} is at work" in refused.err
        )
        assert snapshot(tmp_path) == before


def test_run_is_locked_while_it_is_made(start, main, small, tmp_path):
    command = small(tmp_path, trainer__max_epochs=30)
    running = start(*command)
    running.wait_until(lambda: any(tmp_path.glob("*/*/.lock")))
    (lock,) = tmp_path.glob("*/*/.lock")
    running.wait_until(lambda: held_by(lock) is not None)
    assert held_by(lock) == f"{running.process.pid} on {socket.gethostname()}"
    running.wait_until((lock.parent / "checkpoints" / "last.ckpt").exists)
    running.stop(signal.SIGKILL)
    assert held_by(lock) is None
    resumed = main(*command, "--ckpt_path", "last")
    assert resumed.code == 0, resumed.err
    folder = the_run(tmp_path)
    files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    assert files == FILES
