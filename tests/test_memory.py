"""Memory that a process frees and asks for again."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a setting of glibc")

BLOCK, TIMES, PAGE = 64 << 20, 20, 4096
# Writes to as many new blocks, one after the other; prints how many pages the system handed out.
SCRIPT = f"""
import resource, sys
import numpy as np
from dlheir.memory import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range({TIMES}):
    np.empty({BLOCK}, dtype=np.uint8)[::{PAGE}] = 1
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_freed_memory_is_used_again():
    pages = {
        way: int(subprocess.check_output([sys.executable, "-c", SCRIPT, way]))
        for way in ("keep", "give back")
    }
    assert pages["give back"] > TIMES / 4 * pages["keep"]
