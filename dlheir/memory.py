"""Memory of a process that trains on a CPU."""

import ctypes
import sys

# Parameters of glibc's mallopt, and its largest value.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
NEVER = 2**31 - 1


def keep_freed_memory() -> None:
    """Have the process keep memory that it frees, to use it again.

    Each step of a training frees and asks for the same large blocks. glibc gives such blocks back
    to the system, which clears every page anew: on a CPU that takes as long as the arithmetic of
    small networks. Other C libraries have no such setting; there nothing is done.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, NEVER)
        mallopt(M_TRIM_THRESHOLD, NEVER)
