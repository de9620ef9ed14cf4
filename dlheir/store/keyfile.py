"""Files that hold an owner's or a user's keys: raw and for one pair of eyes, or under a passphrase.

Both are JSON objects with `dlheir` ("owner" or "user") and `format` (1). A raw file has the keys as
`keys` and a `sha256` over the rest, for a key with one wrong digit is still a key; it has mode 0600
from its first moment and is refused when others can read it. Under a passphrase there are `scrypt`,
which with the two above is bound to what is sealed, and `sealed`.
"""

import fcntl
import glob
import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dlheir.files import sync_folder, written_whole
from dlheir.store.errors import ConflictError, KeyFileError, StoreInputError
from dlheir.store.keys import OwnerKeys, UserKeys
from dlheir.store.passphrase import PassphraseKey

Keys = OwnerKeys | UserKeys

_FORMAT = 1
_HOLDERS: dict[str, type[Keys]] = {"owner": OwnerKeys, "user": UserKeys}
_MAX_FILE_BYTES = 2**24  # thousands of users take one


class KeyFile:
    """Keys and the file that they are kept in; `create` and `open` make one.

    Attributes:
        keys: to be changed in place, then saved; a new key version before anything is sealed under
            it, or a power cut could leave pictures that no key opens.
    """

    def __init__(
        self, path: Path, keys: Keys, passphrase_key: PassphraseKey | None, content: bytes
    ) -> None:
        self.keys = keys
        self._path = path
        self._passphrase_key = passphrase_key
        self._content = content

    @classmethod
    def create(cls, path: Path, keys: Keys, passphrase: str | None = None) -> "KeyFile":
        """Write a new file, whole or not at all.

        Args:
            path: where there is nothing yet, in a folder that exists.
            keys: what to keep.
            passphrase: what the file opens under from now on; None for a raw one.

        Raises:
            KeyFileError: when the path is taken or cannot be written, or the passphrase is empty.
        """
        with _named(path):
            if passphrase == "":
                raise StoreInputError("an empty passphrase protects nothing; choose another")
            if os.path.lexists(path):
                raise StoreInputError("exists, and keys are never overwritten; choose another path")
            passphrase_key = None if passphrase is None else PassphraseKey.new(passphrase)
            content = _encode(keys, passphrase_key)
            _write(path, content)
        return cls(path, keys, passphrase_key, content)

    @classmethod
    def open(cls, path: Path, ask: Callable[[], str] | None = None) -> "KeyFile":
        """Read a file that `create` or `save` wrote.

        Args:
            path: the file.
            ask: returns the passphrase; called at most once, and only where the file is under one.
                None where nobody can be asked.

        Raises:
            KeyFileError: when the file is none, is damaged, is raw and others can read it, or does
                not open under the passphrase.
        """
        with _named(path):
            with path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                content = file.read(_MAX_FILE_BYTES)
            document = _parse(content)
            if "keys" in document:
                if mode & (stat.S_IRWXG | stat.S_IRWXO):
                    raise StoreInputError(f"others can read it; run: chmod 600 '{path}'")
                passphrase_key, value = None, _checked(document)
            else:
                passphrase_key, value = _unseal(document, ask)
            keys = _HOLDERS[document["dlheir"]].from_json(value)
        return cls(path, keys, passphrase_key, content)

    def save(self) -> None:
        """Write the keys as they are now, under the same passphrase, whole or not at all.

        They are on the disk when this returns.

        Raises:
            ConflictError: when another process has saved since this one read the file. Nothing is
                written: it could have started a key version that these keys lack.
            KeyFileError: when the file cannot be written.
        """
        content = _encode(self.keys, self._passphrase_key)
        with _named(self._path), self._path.open("rb+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # so that nobody saves between comparing and writing
            if self._path.read_bytes() != self._content:
                raise ConflictError(f"{self._path}: was changed meanwhile; run the command again")
            path = self._path.resolve()
            for left in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
                left.unlink(missing_ok=True)  # by a process that was killed: it holds keys
            _write(path, content)
        self._content = content


def _encode(keys: Keys, passphrase_key: PassphraseKey | None) -> bytes:
    document: dict[str, Any] = {
        "dlheir": next(name for name, kind in _HOLDERS.items() if isinstance(keys, kind)),
        "format": _FORMAT,
    }
    if passphrase_key is None:
        document["keys"] = keys.to_json()
        document["sha256"] = hashlib.sha256(_all_but("sha256", document)).hexdigest()
    else:
        document["scrypt"] = passphrase_key.scrypt
        plain = json.dumps(keys.to_json()).encode()
        document["sealed"] = passphrase_key.seal(plain, _all_but("sealed", document)).hex()
    return json.dumps(document, indent=1).encode() + b"\n"


def _parse(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or document.get("dlheir") not in list(_HOLDERS):
        raise StoreInputError("is no key file, or damaged; dlheir store keygen makes one")
    if document.get("format") != _FORMAT:
        raise StoreInputError(f"is a key file of another format than this program's {_FORMAT}")
    return document


def _checked(document: dict[str, Any]) -> Any:
    if document.get("sha256") != hashlib.sha256(_all_but("sha256", document)).hexdigest():
        raise StoreInputError("damaged; bring it back from a copy")
    return document["keys"]


def _unseal(
    document: dict[str, Any], ask: Callable[[], str] | None
) -> tuple[PassphraseKey, dict[str, Any]]:
    if ask is None:
        raise StoreInputError("is under a passphrase; run this where one can be typed")
    passphrase_key = PassphraseKey.ask(document.get("scrypt"), ask)
    try:
        sealed = bytes.fromhex(document["sealed"])
    except (KeyError, TypeError, ValueError):
        sealed = b""
    value: dict[str, Any] = json.loads(passphrase_key.open(sealed, _all_but("sealed", document)))
    return passphrase_key, value


def _all_but(field: str, document: dict[str, Any]) -> bytes:
    """Return the same bytes for the same object, whatever the order of its fields."""
    rest = {name: value for name, value in document.items() if name != field}
    return json.dumps(rest, sort_keys=True).encode()


def _write(path: Path, content: bytes) -> None:
    with written_whole(path) as part:
        part.unlink(missing_ok=True)  # of a process of the same number that was killed
        private = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(private, "wb") as file:
            file.write(content)
    # A lost name would bring the old keys back, and what was sealed since could not be opened.
    sync_folder(path.parent)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Name the file in whatever goes wrong with it."""
    try:
        yield
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror or error}") from None
    except StoreInputError as error:
        raise KeyFileError(f"{path}: {error}") from None
