"""The hash of the code that runs use."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import clean_environment

from dlheir import code_version
from dlheir.code_version import NOT_OF_A_RUN, OF_A_RUN, PACKAGE, code_files, code_sha256
from dlheir.results import read_results

# They hand over the arguments, and no argument is left out of a run's id; or they find the file of
# a checkpoint, whose hash is in it.
HAND_OVER = {
    "__main__.py",
    "cli.py",
    "experiment_files.py",
    "checkpoints/__init__.py",
    "checkpoints/registry.py",
    "checkpoints/source.py",
}
MODULES_OF_A_RUN = """
import sys
from dlheir.cli import main
code = main(sys.argv[1:])
modules = [m for name, m in sys.modules.items() if name.split(".")[0] == "dlheir"]
print("MODULES", *(m.__file__ for m in modules if m.__file__), sep="\\n")
sys.exit(code)
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package to change; the function returns its hash as a new process would."""
    copy = tmp_path / "dlheir"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code_version, "PACKAGE", copy)
    return copy, code_sha256.__wrapped__


def test_same_code_same_hash_wherever_it_lies(package):
    _, hashed = package
    assert re.fullmatch("[0-9a-f]{64}", hashed())
    assert hashed() == code_sha256()


@pytest.mark.parametrize(
    "name", ["task.py", "store/server.py", "results.schema.json", "report/picture.py"]
)
def test_code_of_a_run_counts(package, name):
    folder, hashed = package
    before = hashed()
    with (folder / name).open("a") as file:
        file.write("\n")
    assert hashed() != before


def test_names_count(package):
    folder, hashed = package
    before = hashed()
    (folder / "task.py").rename(folder / "tasks.py")
    assert hashed() != before


@pytest.mark.parametrize(
    "name",
    [
        "cli.py",
        "checkpoints/source.py",
        "sweep/cells.py",
        "report/new.py",
        "store_commands/add.py",
        "store/FORMAT.md",
    ],
)
def test_other_files_do_not(package, name):
    folder, hashed = package
    before = hashed()
    with (folder / name).open("a") as file:
        file.write("\n")
    assert hashed() == before


def test_process_keeps_the_hash_that_it_began_with(package):
    folder, _ = package
    before = code_sha256()
    (folder / "task.py").unlink()
    assert code_sha256() == before


def test_every_exception_exists():
    for name in (*NOT_OF_A_RUN, *OF_A_RUN):
        assert (PACKAGE / name).exists(), name


def test_every_module_of_a_run_counts(small, tmp_path):
    arguments = small(tmp_path / "runs", wandb__mode="offline", trainer__max_epochs=1)
    done = subprocess.run(
        [sys.executable, "-c", MODULES_OF_A_RUN, *arguments],
        env=clean_environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    _, _, listed = done.stdout.partition("MODULES\n")
    imported = {Path(line).relative_to(PACKAGE).as_posix() for line in listed.splitlines()}
    assert {"training.py", "store/attacks/report.py", "callbacks/wandb.py"} <= imported
    assert imported - set(code_files()) <= HAND_OVER


def test_results_name_it(finished_run):
    assert read_results(finished_run.folder / "results.json")["code_sha256"] == code_sha256()
