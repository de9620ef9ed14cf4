"""A run's process and its supervisor, each of which may be killed."""

import os
import signal
import subprocess
import sys
from dataclasses import asdict

import pytest
from marked_processes import marked, new_mark, wait_until, wait_until_gone

from dlheir.runs import RunFolder
from dlheir.sweep.attempt import attempt
from dlheir.sweep.attempts import read_attempts
from dlheir.sweep.resources import Resources

SUPERVISOR = """
import sys
from pathlib import Path
from dlheir.runs import RunFolder
from dlheir.sweep.attempt import attempt
from dlheir.sweep.resources import Resources
assert "torch" not in sys.modules
attempt(sys.argv[2:], RunFolder(Path(sys.argv[1])), Resources())
"""


@pytest.fixture
def run(tmp_path):
    return RunFolder(tmp_path / "runs" / "tiny" / "some-run")


@pytest.fixture
def supervised(run, small, clean):
    """A supervisor of a long run with processes that load pictures, and their mark."""
    mark = new_mark()
    command = small(run.path.parent.parent, data__workers=1, trainer__max_epochs=10_000)
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(run.path), *command], env=clean | mark
    )
    yield supervisor, mark
    supervisor.kill()
    wait_until_gone(mark)


@pytest.fixture
def clean(tmp_path):
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}


def runs_of(mark):
    """The run's processes: itself and those that load its pictures."""
    return [pid for pid, words in marked(mark).items() if "-m dlheir fit" in words]


def wait_until_it_trains(mark):
    wait_until(lambda: len(runs_of(mark)) > 1, lambda: marked(mark))


def test_exit_code_and_last_lines_are_kept(run):
    done = attempt(["--version"], run, Resources())
    refused = attempt(["nonsense"], run, Resources())
    assert (done.exit_code, refused.exit_code) == (0, 2)
    assert done.last_lines == ("0.1.0",)
    (line,) = refused.last_lines
    assert line.startswith("dlheir: unknown command 'nonsense'")
    assert read_attempts(run) == [done, refused]
    assert run.log.read_text().splitlines() == ["0.1.0", line]


def test_progress_bars_and_colours_are_no_last_lines(run, monkeypatch):
    printed = "\\x1b[31mred\\x1b[0m\\n\\nPainting ━━━━ 100%\\n10 %\\r100 %\\n"
    script = f"print('{printed}', end=''); [print(i) for i in range(13)]"
    monkeypatch.setattr(
        "dlheir.sweep.attempt._command", lambda arguments: [sys.executable, "-c", script]
    )
    last = attempt([], run, Resources()).last_lines
    assert last == ("red", "100 %", *map(str, range(13)))


def test_a_run_of_several_gpus_is_told_so(run, monkeypatch):
    told = []
    monkeypatch.setattr(
        "dlheir.sweep.attempt._command", lambda arguments: told.append(arguments) or ["true"]
    )
    attempt(["fit"], run, Resources(gpus=2))
    attempt(["fit", "--trainer.devices=1"], run, Resources(gpus=2))
    attempt(["fit"], run, Resources(gpus=0.5))
    assert told == [["fit", "--trainer.devices=2"], ["fit", "--trainer.devices=1"], ["fit"]]


def test_a_killed_run_leaves_no_process_and_a_line(run, supervised):
    supervisor, mark = supervised
    wait_until_it_trains(mark)
    leader = min(runs_of(mark))
    assert os.getsid(leader) == leader
    os.kill(leader, signal.SIGKILL)
    assert supervisor.wait() == 0
    assert not marked(mark)
    (ended,) = read_attempts(run)
    assert ended.exit_code == -signal.SIGKILL
    assert ended.last_lines[-1].startswith("killed by signal 9 (SIGKILL)")
    assert asdict(ended)["seconds"] > 0


def test_a_run_dies_with_its_supervisor(run, supervised):
    supervisor, mark = supervised
    wait_until_it_trains(mark)
    supervisor.kill()
    wait_until_gone(mark)
    assert read_attempts(run) == []


def test_a_run_whose_supervisor_is_gone_does_not_begin(tmp_path):
    began = tmp_path / "began"
    orphan = [sys.executable, "-m", "dlheir.sweep.shim", "1", "touch", str(began)]
    assert subprocess.run(orphan, check=False).returncode == -signal.SIGKILL
    assert not began.exists()


def test_an_attempt_waits_for_another_process_that_ends(run, clean):
    """As the run of a killed sweep does, an instant after its supervisor."""
    run.path.mkdir(parents=True)
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from pathlib import Path; from dlheir.locks import locked\n"
            "with locked(Path(sys.argv[1])): print(flush=True); sys.stdin.read()",
            str(run.lock),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=clean,
    )
    holder.stdout.read(1)
    attempted = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(run.path), "--version"], env=clean
    )
    with pytest.raises(subprocess.TimeoutExpired):
        attempted.wait(2)
    assert not run.log.exists()
    holder.kill()
    assert attempted.wait() == 0
    assert read_attempts(run)[0].exit_code == 0
