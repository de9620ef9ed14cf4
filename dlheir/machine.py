"""What this machine gives the process."""

import os
import sys


def usable_cores() -> int:
    """Cores that this process may use; containers and batch systems give fewer than there are."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
