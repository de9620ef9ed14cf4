"""A Ray cluster of two nodes on one machine, one of which does not see the folder of runs."""

import shutil
import signal
import subprocess
import sys
from collections import Counter
from types import SimpleNamespace

import pytest
from command_line import clean_environment, read_codes
from launches import OUR_FIT, RAYS_AGENTS, launch
from marked_processes import environment, marked, new_mark, wait_until, wait_until_gone

from dlheir.runs import RunFolder

__all__ = ["launch"]
SECRET = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789abcdef" * 4}
RAY = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats"]
# The second node hides the folder of runs behind an empty disk.
BLIND = ["unshare", "--map-root-user", "--mount", "bash", "-c"]
HIDE = 'mount -t tmpfs tmpfs "$0" && exec "$@"'


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The folder that the second node does not see the inside of."""
    if subprocess.run([*BLIND, "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs the right to hide a folder from a process")
    return tmp_path_factory.mktemp("place")


@pytest.fixture(scope="module")
def cluster(place, tmp_path_factory):
    """A head with 3 cores and 2 GPUs, so it says, and a node with 3 cores."""
    home, mark = tmp_path_factory.mktemp("home"), new_mark()
    env = clean_environment(home) | SECRET | mark
    head = [*RAY, "--head", "--port=0", "--num-cpus=3", "--num-gpus=2", "--include-dashboard=false"]
    nodes = [start(head, env, home / "head.txt")]
    wait_until(lambda: gcs_address(mark), (home / "head.txt").read_text)
    node = [*RAY, f"--address={gcs_address(mark)}", "--num-cpus=3", "--num-gpus=0"]
    nodes.append(start([*BLIND, HIDE, str(place), *node], env, home / "node.txt"))
    wait_until(
        lambda: sum("raylet/raylet" in words for words in marked(mark).values()) == 2,
        (home / "node.txt").read_text,
    )
    yield SimpleNamespace(address=gcs_address(mark), mark=mark)
    for process in reversed(nodes):
        process.terminate()
        process.wait()
    wait_until_gone(mark, but=RAYS_AGENTS)


def start(command, env, out):
    with out.open("w") as file:
        return subprocess.Popen(command, env=env, stdout=file, stderr=subprocess.STDOUT)


def gcs_address(mark):
    """Where the head listens, once its own raylet has been told."""
    for words in marked(mark).values():
        for word in words.split():
            if "raylet/raylet" in words and word.startswith("--gcs-address="):
                return word.removeprefix("--gcs-address=")
    return None


def test_a_sweep_over_two_machines(launch, small, dlheir, place, cluster):
    """Both were begun, so one goes on where its folder had to be brought, and comes back."""
    undisturbed, runs = place / "undisturbed", place / "runs"
    command = [
        small(undisturbed, data__validation_share=0.3, seed_everything=seed) for seed in range(2)
    ]
    for line in command:
        done = dlheir(*line, env=threads(2))
        assert done.code == 0, done.err
    shutil.copytree(undisturbed, runs)
    folders = sorted(runs.glob("*/dlheir*"))
    for folder in folders:
        for name in ("results.json", "codes.npz", "retrieval.png", "store.sqlite"):
            (folder / name).unlink()
    cells = {
        folder: [*line, f"--runs={runs}", "--ckpt_path=last"]
        for folder, line in zip(folders, command, strict=True)
    }
    launched = launch(cells, cpus=2, address=cluster.address, env=SECRET)  # each has room for one
    assert launched.wait() == 0, launched.err
    assert {launched.attempts(folder.name)[0] for folder in folders} == {0}
    logs = [RunFolder(folder).log.read_text() for folder in folders]
    assert all("Epoch" not in log for log in logs)  # they were trained already
    assert sum(f"Run folder: {runs}" in log for log in logs) == 1
    assert sum("/dlheir-" in log for log in logs) == 1
    for folder in folders:
        whole = undisturbed / folder.relative_to(runs)
        assert files_of(folder) == files_of(whole)
        ours, theirs = read_codes(folder), read_codes(whole)
        assert all((ours[name] == values).all() for name, values in theirs.items())
    left = {path.name for path in folders[0].parent.iterdir()}
    assert left == {"attempts", *(folder.name for folder in folders)}


def files_of(folder):
    return sorted(path.relative_to(folder) for path in folder.rglob("*"))


def threads(count):
    return {"OMP_NUM_THREADS": str(count), "MKL_NUM_THREADS": str(count)}


def fits(mark):
    return [pid for pid, words in marked(mark).items() if OUR_FIT in words]


def test_runs_share_gpus(launch, small, place, cluster):
    runs = place / "on_gpus"
    cells = {
        runs / "default" / f"seed{seed}": small(
            runs, trainer__max_epochs=10_000, seed_everything=seed
        )
        for seed in range(4)
    }
    launched = launch(cells, gpus=0.5, address=cluster.address, env=SECRET)
    for folder in [*cells][:3]:  # the machine has cores for three
        launched.wait_until_it_trains(RunFolder(folder).log)
    assert [attempt for _, attempt in launched.events] == [None] * 3
    seen = Counter(environment(pid)["CUDA_VISIBLE_DEVICES"] for pid in fits(cluster.mark))
    assert sorted(seen.items()) in ([("0", 2), ("1", 1)], [("0", 1), ("1", 2)])
    launched.process.send_signal(signal.SIGINT)
    assert launched.wait() == 130
    wait_until(lambda: not fits(cluster.mark), lambda: fits(cluster.mark))
