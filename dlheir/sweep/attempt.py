"""One attempt to make a run: a process of its own, in a session of its own, and its supervisor."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from dlheir.locks import held_by
from dlheir.runs import RunFolder
from dlheir.sweep.attempts import Attempt, add_attempt
from dlheir.sweep.environment import environment_of_run
from dlheir.sweep.resources import Resources

# Seconds to wait for the process of a killed sweep, which ends soon after its supervisor.
PATIENCE = 60
LINES_KEPT = 15
# Bytes at the end of a log that hold more than those lines.
TAIL = 1 << 16
# Colours and the movements of the cursor.
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def attempt(arguments: Sequence[str], run: RunFolder, resources: Resources) -> Attempt:
    """Start `dlheir` as a process that ends with this one, wait for it, and keep what became of it.

    Args:
        arguments: Of the command line, from `fit` on.
        run: Where the run's attempts and its log are kept.
        resources: What it is given; GPUs are those of CUDA_VISIBLE_DEVICES.

    Returns:
        What became of it, as added to the run's attempts.
    """
    _wait_for_others(run)
    began, start = datetime.now(UTC), time.monotonic()
    run.log.parent.mkdir(parents=True, exist_ok=True)
    with run.log.open("ab") as log:
        before = log.tell()
        process = subprocess.Popen(
            _command([*arguments, *_devices(arguments, resources)]),
            env=environment_of_run(os.environ, resources),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        exit_code = _wait(process)
    ended = Attempt(
        began=began.isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - start, 3),
        exit_code=exit_code,
        host=socket.gethostname(),
        last_lines=(*_last_lines(run.log, before), *_end_of(exit_code)),
    )
    add_attempt(run, ended)
    return ended


def _wait_for_others(run: RunFolder) -> None:
    """Wait while another process holds the run; one that stays is named by the run itself."""
    deadline = time.monotonic() + PATIENCE
    while held_by(run.lock) is not None and time.monotonic() < deadline:
        time.sleep(0.1)


def _command(arguments: Sequence[str]) -> list[str]:
    python = [sys.executable, "-m"]
    return [*python, "dlheir.sweep.shim", str(os.getpid()), *python, "dlheir", *arguments]


def _devices(arguments: Sequence[str], resources: Resources) -> list[str]:
    """The argument that lets a run use all of its GPUs."""
    given = any(argument.split("=")[0] == "--trainer.devices" for argument in arguments)
    return [] if given or resources.gpus < 1 else [f"--trainer.devices={int(resources.gpus)}"]


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process, and end what it leaves in its session: loaders, other ranks."""
    try:
        # Not reaped yet, so that its number can be nobody else's.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        exit_code = process.wait()
    return exit_code


def _last_lines(log: Path, start: int) -> list[str]:
    """The last lines of a log from a byte on, without progress bars and blank lines."""
    with log.open("rb") as file:
        file.seek(max(start, log.stat().st_size - TAIL))
        text = _ESCAPE.sub("", file.read().decode(errors="replace"))
    lines = [line.rpartition("\r")[2].rstrip() for line in text.split("\n")]
    return [line for line in lines if line and "━" not in line][-LINES_KEPT:]


def _end_of(exit_code: int) -> list[str]:
    """Why a process ended that could not say so itself."""
    if exit_code >= 0:
        return []
    end = f"killed by signal {-exit_code} ({signal.Signals(-exit_code).name})"
    if exit_code == -signal.SIGKILL:
        end += "; the system may have run out of memory"
    return [end]
