"""A killed `publish`: what people see stays whole, and the same command goes on."""

import shutil
import signal

import pytest
from marked_processes import new_mark, wait_until_gone
from publishing_fixtures import OWN, PAINTED

from dlheir.checkpoints import Source, read_registry, write_registry
from dlheir.publishing.documents import write_documents


def staged(to, runs):
    return any(to.glob(".draft/model.safetensors"))


def at_its_test(to, runs):
    return any(runs.glob("published/*/config.yaml"))


def after_its_test(to, runs):
    return any(runs.glob("published/*/results.json"))


@pytest.fixture
def place(published, painted_run, tmp_path):
    """A run that is not published yet, and a folder in which another one is."""
    run = tmp_path / "runs" / "quickstart" / painted_run.name
    shutil.copytree(painted_run, run)
    to = published.copy(tmp_path / "checkpoints").folder
    entries = read_registry(to / "registry.json").entries
    write_registry(to / "registry.json", {OWN: entries[OWN]})
    shutil.rmtree(to / PAINTED)
    write_documents(read_registry(to / "registry.json"))
    return run, to


@pytest.mark.parametrize("moment", [at_its_test, after_its_test])
def test_killed_and_called_again(place, published, start, dlheir, tmp_path, moment):
    run, to = place
    command = ("checkpoints", "publish", run, "--to", to, "--no-exports")
    mark = new_mark()
    running = start(*command, env=mark)
    running.wait_until(lambda: moment(to, tmp_path / "runs"))
    running.stop(signal.SIGKILL)
    wait_until_gone(mark)
    if moment is at_its_test:  # which ended with it
        assert not any((tmp_path / "runs").glob("published/*/results.json"))
    if moment is after_its_test:  # as a kill leaves it that comes when files are being moved in
        (to / PAINTED).mkdir()
        shutil.copy(published.folder / PAINTED / "model.safetensors", to / PAINTED)
    # Whatever is registered is whole.
    for name in read_registry(to / "registry.json").entries:
        Source.of(to / "registry.json").fetch(name)
    finished = dlheir(*command)
    assert finished.code == 0, finished.err
    assert {path.name for path in to.iterdir()} == {"README.md", "registry.json", OWN, PAINTED}
    entries = read_registry(to / "registry.json").entries
    whole = published.registry.entries
    assert entries[OWN] == whole[OWN]
    for key in ("sha256", "size", "scores", "golden"):
        assert entries[PAINTED].facts[key] == whole[PAINTED].facts[key]
    assert Source.of(to / "registry.json").fetch(PAINTED).parent == to / PAINTED


def test_two_at_once(place, start, dlheir, tmp_path):
    run, to = place
    command = ("checkpoints", "publish", run, "--to", to, "--no-exports")
    first = start(*command)
    first.wait_until(lambda: staged(to, tmp_path))
    second = dlheir(*command)
    assert second.code == 2
    (complaint,) = second.complaints
    assert f"{to}: process {first.process.pid} on " in complaint
    assert first.wait().code == 0
