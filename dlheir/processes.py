"""Processes that do not outlive the one that started them."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # of <sys/prctl.h>


def die_with_parent(expected_parent: int | None = None) -> None:
    """Have the kernel kill this process, by SIGKILL, when the thread that started it ends.

    Systems other than Linux have no such request; there nothing is done.

    Args:
        expected_parent: Process id of the parent. If it ended before the request was made, this
            process is another's child by now, and ends here.

    Raises:
        OSError: The kernel refused.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    if expected_parent is not None and os.getppid() != expected_parent:
        os.kill(os.getpid(), signal.SIGKILL)
