"""Becomes another command that cannot outlive the process that started it.

    python -m dlheir.sweep.shim PARENT COMMAND [ARGUMENTS]

A process in a session of its own hears nothing of its parent's end, so it asks the kernel to be
killed then. The request is the process's own and outlasts `exec`.
"""

import os
import sys

from dlheir.processes import die_with_parent


def main(parent: str, *command: str) -> None:
    """Become `command`, to be killed when its parent, a process id, ends."""
    die_with_parent(int(parent))
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
