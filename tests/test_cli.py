"""The command line itself: help, exit codes, messages, logs."""

import errno
import sqlite3
import subprocess
import sys
from types import ModuleType
from unittest.mock import Mock

import pytest
import yaml
from command_line import FILES, clean_environment, the_run

from dlheir import cli
from dlheir.errors import InputError


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_teaches(main, arguments):
    finished = main(*arguments)
    assert finished.code == 0
    assert not finished.err
    for command in cli.COMMANDS:
        assert f"\n  {command} " in finished.out
    assert "exit codes: 0 done, 1 the work failed, 2 " in finished.out
    assert max(map(len, finished.out.splitlines())) <= 100


@pytest.mark.parametrize("argument", ["--help", "--version", "fti"])
def test_short_answers_need_no_torch(tmp_path, argument):
    program = (
        "import sys; from dlheir.cli import main; code = main(sys.argv[1:]);"
        "heavy = {'torch', 'numpy', 'pytorch_lightning'} & sys.modules.keys();"
        "sys.exit(f'imported {heavy}' if heavy else code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, argument],
        env=clean_environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == (2 if argument == "fti" else 0), done.stderr


@pytest.mark.parametrize("command", ["fit", "test"])
def test_help_of_a_run_describes_our_own_arguments_first(main, command):
    finished = main(command, "--help")
    assert finished.code == 0
    assert finished.out.startswith(f"usage: dlheir {command} [--config FILE] [--SECTION.NAME")
    places = [
        finished.out.index(f"\n  {text}")
        for text in (
            "--ckpt_path",
            "--runs RUNS",
            "--model.bits",
            "--data CONFIG",
            "--retrieval.ks",
            "--trainer CONFIG",
        )
    ]
    assert places == sorted(places)
    # What Lightning says of its own --ckpt_path is not true here.
    assert finished.out.count("--ckpt_path") == 1
    assert "hpc" not in finished.out


def test_help_of_complexity(main):
    finished = main("complexity", "--help")
    assert finished.code == 0
    for text in ("usage: dlheir complexity", "--bits", "--image-size", "--json"):
        assert text in finished.out


def test_version(main):
    from dlheir import __version__

    assert main("--version").out == f"{__version__}\n"


def test_print_config_shows_the_quickstart(main, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    finished = main("fit", "--print_config")
    assert finished.code == 0
    config = yaml.safe_load(finished.out)
    assert config["model"]["name"] == "dlheir_nano"
    assert config["data"]["class_path"] == "dlheir.data.Generated"


def test_configuration_here_wins_over_the_package(main, tmp_path, monkeypatch):
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "quickstart.yaml").write_text("runs: elsewhere\n")
    monkeypatch.chdir(tmp_path)
    for argument in (
        ["--config", "experiments/quickstart.yaml"],
        ["--config=experiments/quickstart.yaml"],
    ):
        assert yaml.safe_load(main("fit", *argument, "--print_config").out)["runs"] == "elsewhere"


@pytest.fixture
def fail(monkeypatch):
    """Make a command's module raise an error."""

    def fail(error, module="dlheir.training"):
        fake = ModuleType(module)
        fake.main = Mock(side_effect=error)
        monkeypatch.setitem(sys.modules, module, fake)

    return fail


def wrapped(outer, inner):
    outer.__cause__ = inner
    return outer


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("k is 0"), 2, "k is 0"),
        (InputError("two\nlines"), 2, "two lines"),
        (wrapped(RuntimeError("wrapped"), InputError("k is 0")), 2, "k is 0"),
        (OSError(errno.ENOSPC, "No space left"), 2, "no space left on the disk; make room"),
        (wrapped(RuntimeError("x"), OSError(errno.EDQUOT, "x")), 2, "no space left on the disk"),
        (sqlite3.OperationalError("database or disk is full"), 2, "no space left on the disk"),
        (PermissionError(errno.EACCES, "Permission denied", "f"), 2, "f: Permission denied; "),
        (OSError(errno.EROFS, "Read-only file system", "f"), 2, "f: Read-only file system; "),
        (KeyboardInterrupt(), 130, "interrupted; the same command with --ckpt_path last goes on"),
        (RuntimeError("broken\nhere"), 1, "RuntimeError: broken (--debug shows where)"),
        (RuntimeError(), 1, "RuntimeError: no message (--debug shows where)"),
    ],
)
def test_exit_codes_and_lines(main, fail, error, code, line):
    fail(error)
    finished = main("fit")
    assert finished.code == code
    assert finished.err.startswith(f"dlheir: {line}")
    assert finished.err.count("\n") == 1


def test_helper_processes_do_not_repeat_an_interruption(main, fail, monkeypatch):
    fail(KeyboardInterrupt())
    monkeypatch.setenv("LOCAL_RANK", "1")
    finished = main("fit")
    assert finished.code == 130
    assert not finished.err


def test_interruption_of_complexity_promises_no_resumption(main, fail):
    fail(KeyboardInterrupt(), "dlheir.complexity.main")
    finished = main("complexity")
    assert finished.code == 130
    assert finished.err == "dlheir: interrupted\n"


def test_run_leaves_a_folder_that_explains_itself(finished_run):
    folder = finished_run.folder
    files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    assert files == FILES
    assert "as served" in finished_run.finished.out
    assert finished_run.finished.complaints == []
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert config["trainer"]["max_epochs"] == 2


def test_log_file_gets_one_line_an_epoch(finished_run):
    lines = finished_run.finished.err.splitlines()
    epochs = [line for line in lines if line.startswith("Epoch ")]
    assert [line.split("  ")[0] for line in epochs] == ["Epoch 1 of 2", "Epoch 2 of 2"]
    for line in epochs:
        assert "train_loss" in line
        assert "train_accuracy" in line
    assert len(lines) < 10, finished_run.finished.err
    assert "\r" not in finished_run.finished.err


def test_config_of_a_run_repeats_it(main, finished_run, tmp_path):
    """The written configuration alone is the same run: same id, same results."""
    config = finished_run.folder / "config.yaml"
    finished = main("fit", "--config", config, "--runs", tmp_path)
    assert finished.code == 0, finished.err
    assert the_run(tmp_path).name == finished_run.folder.name
