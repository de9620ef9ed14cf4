"""Key files on the command line: where they may lie, and how their passphrase is asked for."""

import os
import sys
from getpass import getpass
from pathlib import Path

from dlheir.errors import InputError
from dlheir.store.keyfile import KeyFile

PASSPHRASE = "DLHEIR_PASSPHRASE"  # the variable's name


def open_keys(path: Path, store: Path) -> KeyFile:
    """Open an owner's or a user's key file.

    Args:
        path: the file.
        store: the server's folder, where keys must not lie.

    Raises:
        InputError: when it lies there, is missing or does not open.
    """
    if path.resolve().is_relative_to(store.resolve()):
        raise InputError(f"{path}: keys must not lie in the server's folder {store}; move them")
    if not path.exists():
        raise InputError(
            f"{path}: no such key file; give yours by --keys, or make one: dlheir store keygen"
        )
    return KeyFile.open(path, lambda: _passphrase(path))


def new_passphrase(path: Path) -> str:
    """Take the passphrase of a new key file, typed twice.

    Raises:
        InputError: when there is nobody to ask, or the two differ.
    """
    first = _passphrase(path, "new passphrase")
    if PASSPHRASE not in os.environ and _ask(f"{path}: the same again: ") != first:
        raise InputError(f"{path}: the two passphrases differ; start again")
    return first


def _passphrase(path: Path, what: str = "passphrase") -> str:
    given = os.environ.get(PASSPHRASE)
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise InputError(
            f"{path}: no terminal to ask for its {what}; set {PASSPHRASE}, or make a key file "
            "without one: dlheir store keygen --raw"
        )
    return _ask(f"{path}: {what}: ")


def _ask(prompt: str) -> str:
    try:
        return getpass(prompt)
    except EOFError:
        raise InputError(f"{prompt}nothing was typed; start again") from None
