"""Downloads killed at random moments: what is left is a part, and the next call goes on with it."""

import math
import signal
import subprocess
import sys
import time
from collections import Counter

import numpy as np
import pytest
from command_line import PATIENCE, clean_environment
from file_server import file_server
from made_registry import NAME, made_entry, made_registry

pytestmark = pytest.mark.soak
KILLS = 200
SIZE = 20_000_000
# Says when it begins, so that no kill is spent on imports.
FETCH = """
import sys
from pathlib import Path
from dlheir.checkpoints import Source, download
source = Source.of(Path(sys.argv[1]), sys.argv[2])
print(flush=True)
source.fetch(sys.argv[3])
"""


def test_no_kill_leaves_anything_but_a_part(tmp_path, request):
    option = request.config.getoption
    kills = math.ceil(KILLS * option("--soak-share"))
    draw = np.random.default_rng(option("--soak-seed"))
    content = draw.bytes(SIZE)
    entry = made_entry(content)
    made_registry(tmp_path / "registry.json", entry)
    folder = tmp_path / "cache" / "dlheir" / "checkpoints" / f"{NAME}-{entry.sha256[:8]}"
    environment = clean_environment(tmp_path) | {
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "no_proxy": "127.0.0.1",
    }
    counts, whole, left = Counter(), 0.5, kills
    with file_server(content) as server:

        def begin():
            process = subprocess.Popen(
                [sys.executable, "-c", FETCH, tmp_path / "registry.json", server.url, NAME],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            process.stdout.readline()
            return process, time.monotonic()

        while left:
            process, begun = begin()
            time.sleep(draw.uniform(0, whole))
            process.send_signal(signal.SIGKILL)
            if process.wait(PATIENCE) == 0:
                whole = 0.9 * (time.monotonic() - begun)
                counts["too late"] += 1
            else:
                left -= 1
                counts[state(folder, content)] += 1
            if (folder / "model.safetensors").exists():
                (folder / "model.safetensors").unlink()
        process, _ = begin()
        assert process.wait(PATIENCE) == 0
    assert {path.name for path in folder.iterdir()} == {"model.safetensors", ".lock"}
    assert (folder / "model.safetensors").read_bytes() == content
    print(f"\n{kills} kills: {dict(counts)}")


def state(folder, content):
    """What a kill left."""
    names = {path.name for path in folder.iterdir()} if folder.exists() else set()
    if "model.safetensors" in names:
        assert (folder / "model.safetensors").read_bytes() == content
    if ".part" in names:
        assert content.startswith((folder / ".part").read_bytes())
    drawn = {name for name in names if name.startswith("tmp")}  # pooch's, for an instant
    assert len(drawn) <= 1
    assert names - drawn <= {"model.safetensors", ".part", ".lock"}
    return ", ".join(sorted(names - drawn - {".lock"}) + ["a name that pooch drew"] * bool(drawn))
