"""By which code a run was made, over all its sessions."""

import shutil

import pytest
import torch
from command_line import the_run

from dlheir.callbacks import code as module
from dlheir.callbacks.code import CodeVersion
from dlheir.code_version import code_sha256
from dlheir.results import read_results


@pytest.fixture
def session(monkeypatch):
    """The callback in a process of some version."""

    def session(version):
        monkeypatch.setattr(module, "code_sha256", lambda: version * 64)
        return CodeVersion()

    return session


def test_sessions_of_one_version_have_its_hash(session):
    first, second = session("a"), session("a")
    second.load_state_dict(first.state_dict())
    assert first.sha256 == second.sha256 == "a" * 64


def test_sessions_of_two_versions_have_neither(session):
    first, second = session("a"), session("b")
    second.load_state_dict(first.state_dict())
    assert second.sha256 not in {"a" * 64, "b" * 64}
    third = session("a")  # back to the first version: still a work of both
    third.load_state_dict(second.state_dict())
    assert third.sha256 == second.sha256


def test_testing_an_own_checkpoint_changes_nothing(session):
    first, second = session("a"), session("b")
    second.load_state_dict(first.state_dict())
    mixed = second.sha256
    for state in (first.state_dict(), second.state_dict()):
        second.load_state_dict(state)
        assert second.sha256 == mixed


def test_run_that_other_code_began_is_not_todays(main, finished_run, tmp_path):
    runs = tmp_path / "runs"
    shutil.copytree(finished_run.folder.parents[1], runs)
    folder = the_run(runs)
    (folder / "results.json").unlink()
    last = folder / "checkpoints" / "last.ckpt"
    checkpoint = torch.load(last, weights_only=True)
    state = checkpoint["callbacks"]["CodeVersion"]
    assert state == {"versions": [code_sha256()]}
    state["versions"] = ["0" * 64]
    torch.save(checkpoint, last)
    resumed = main(*finished_run.command, "--runs", runs, "--ckpt_path", "last")
    assert resumed.code == 0, resumed.err
    assert read_results(folder / "results.json")["code_sha256"] not in {code_sha256(), "0" * 64}
