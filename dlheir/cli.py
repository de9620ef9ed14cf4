"""The command line: finds the command without importing torch, and answers errors in one line."""

import errno
import importlib
import os
import sys
import traceback

from dlheir.errors import InputError, WorkError, find_input_error
from dlheir.experiment_files import with_config
from dlheir.store.errors import EnvelopeError, LyingServerError, StoreError

DONE, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130
NO_ACCESS = {errno.EACCES, errno.EPERM, errno.EROFS}

USAGE = """\
usage: dlheir COMMAND [ARGUMENTS]

Deep-hashing retrieval of encrypted pictures.

commands:
  fit          train a network, then search its encrypted store:
                 dlheir fit                                   quickstart on generated pictures
                 dlheir fit --config experiments/paper/dlheir_384.yaml --data.root PICTURES
  test         the second half alone:
                 dlheir test --config FILE --ckpt_path FILE
                 dlheir test --ckpt_path NAME --data.root PICTURES    a checkpoint's scores again
  sweep        a grid of runs over GPUs and machines, from one YAML file:
                 dlheir sweep experiments/paper/table1_small.yaml --dry-run
                 COREL10K=PICTURES dlheir sweep experiments/paper/table1.yaml
  report       tables, plots and a page from finished runs, beside the paper's figures:
                 dlheir report runs/table1
                 dlheir report runs/corel5k_leaderboard --leaderboard leaderboard.md
  compare      the paper's Table 3 and Figures 4 to 6: how long its systems and ours take:
                 dlheir compare experiments/paper/table3.yaml --data Corel5K --root PICTURES
  complexity   parameters, multiply-accumulates and memory of networks; the paper's Table 2:
                 dlheir complexity
                 dlheir complexity --all
  benchmark    speed as ratios, on this machine:
                 dlheir benchmark search startup
  checkpoints  trained networks by name, with cards of how they were made and what they score:
                 dlheir checkpoints list
                 dlheir checkpoints --help                    publish, verify and export them
  store        seal your own pictures, let a server search them, open the answers:
                 dlheir store --help                          the whole story in order

  dlheir COMMAND --help   every argument of a command
  --debug                 show where an error comes from

exit codes: 0 done, 1 the work failed, 2 the arguments or the input are wrong, 130 interrupted
"""

# Module and function of each command; imported when it is called.
COMMANDS = {
    "fit": "dlheir.training",
    "test": "dlheir.training",
    "sweep": "dlheir.sweep.main",
    "report": "dlheir.report.main",
    "compare": "dlheir.comparison.main",
    "complexity": "dlheir.complexity.main",
    "benchmark": "dlheir.benchmarks.main",
    "checkpoints": "dlheir.checkpoint_commands.main",
    "store": "dlheir.store_commands.main",
}
# They have commands of their own.
GROUPS = {"checkpoints", "store"}
# What to do after an interruption or on a full disk; all other work starts again.
GOES_ON = {
    "fit": "the same command with --ckpt_path last goes on",
    "sweep": "the same command goes on",
    "compare": "the same command goes on",
    "checkpoints download": "the same command goes on",
    "checkpoints publish": "the same command goes on",
    "store init": "the same command goes on",
    "store add": "the same command goes on",
    "store remove": "the same command goes on",
    "store rotate": "the same command goes on",
    "store revoke": "the same command goes on, or says what does",
}


def main(arguments: list[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: Of the command line; null takes `sys.argv`.

    Returns:
        The exit code: 0 done, 1 the work failed, 2 wrong arguments or input, 130 interrupted.
    """
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given
    given = [argument for argument in given if argument != "--debug"]
    try:
        _dispatch(given)
    except SystemExit as stop:  # argparse's, after --help and the like
        return stop.code if isinstance(stop.code, int) else DONE
    except BaseException as error:
        name = " ".join(given[: 2 if given and given[0] in GROUPS else 1])
        code, line = _explain(error, GOES_ON.get(name))
        if debug:
            traceback.print_exception(error)
        # Ctrl-C reaches every process of a distributed run; the first one speaks for all.
        if code != INTERRUPTED or os.environ.get("LOCAL_RANK", "0") == "0":
            print(f"dlheir: {' '.join(line.split())}", file=sys.stderr)  # noqa: T201
        return code
    return DONE


def _dispatch(arguments: list[str]) -> None:
    if not arguments or arguments[0] in {"-h", "--help"}:
        print(USAGE, end="")  # noqa: T201
        return
    if arguments[0] == "--version":
        from dlheir import __version__

        print(__version__)  # noqa: T201
        return
    command = arguments[0]
    if command not in COMMANDS:
        known = ", ".join(COMMANDS)
        raise InputError(f"unknown command {command!r}; there are {known}; see dlheir --help")
    module = importlib.import_module(COMMANDS[command])
    if command in {"fit", "test"}:
        module.main([command, *with_config(command, arguments[1:])])
    else:
        module.main(arguments[1:])


def _explain(error: BaseException, goes_on: str | None) -> tuple[int, str]:
    """Exit code and one line for an error of a command that goes on so, or not at all."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, f"interrupted; {goes_on}" if goes_on else "interrupted"
    wrong_input = find_input_error(error)
    if wrong_input is not None:
        # Of a data loader's worker it holds the worker's whole traceback, and the message last.
        return WRONG_INPUT, str(wrong_input).rsplit("InputError: ", maxsplit=1)[-1]
    if _is_full_disk(error):
        return WRONG_INPUT, f"no space left on the disk; make room; {goes_on or 'start again'}"
    if isinstance(error, OSError) and error.errno in NO_ACCESS:
        return WRONG_INPUT, f"{error.filename}: {error.strerror}; choose a place you may write to"
    if isinstance(error, WorkError | StoreError | EnvelopeError | LyingServerError):
        return FAILED, str(error)
    first = (str(error).strip() or "no message").splitlines()[0]
    return FAILED, f"{type(error).__name__}: {first} (--debug shows where)"


def _is_full_disk(error: BaseException | None) -> bool:
    """Whether the system said so, however deep; SQLite has words of its own for it."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
            return True
        if "database or disk is full" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
