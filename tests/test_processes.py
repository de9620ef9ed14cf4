"""Processes that do not outlive the one that started them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import PATIENCE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a request to the Linux kernel")

CHILD = """
import sys, time
from dlheir.processes import die_with_parent
die_with_parent(*map(int, sys.argv[1:]))
print("asked", flush=True)
time.sleep(300)
"""
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
child.wait()
"""


def is_alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def assert_ends(pid):
    deadline = time.monotonic() + PATIENCE
    try:
        while is_alive(pid):
            assert time.monotonic() < deadline, f"{pid} lives on"
            time.sleep(0.01)
    finally:
        if is_alive(pid):
            os.kill(pid, signal.SIGKILL)


def children_of(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_child_dies_with_a_killed_parent():
    command = [sys.executable, "-c", PARENT, CHILD]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        assert is_alive(child)
        parent.kill()
    assert_ends(child)


def test_child_that_asks_too_late_ends_at_once():
    """Its parent is not the one that it expects."""
    for expected, printed in ((os.getpid(), "asked\n"), (os.getpid() + 1, "")):
        command = [sys.executable, "-c", CHILD, str(expected)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout.readline() == printed
            child.kill()


def test_helper_of_a_distributed_run_dies_with_it(start, small, tmp_path):
    more = {"trainer__devices": 2, "trainer__strategy": "ddp", "trainer__max_epochs": 200}
    running = start(*small(tmp_path, **more))
    running.wait_until(lambda: any(tmp_path.glob("*/*/checkpoints/last.ckpt")))
    helpers = [
        child
        for child in children_of(running.process.pid)
        if b"\0LOCAL_RANK=1\0" in Path(f"/proc/{child}/environ").read_bytes()
    ]
    assert len(helpers) == 1
    os.kill(helpers[0], signal.SIGSTOP)  # so that it cannot see by itself that it is alone
    running.stop(signal.SIGKILL)
    assert_ends(helpers[0])
