"""From a checkpoint's name to a verified file on this machine."""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from dlheir.checkpoints.registry import Entry, Registry, read_registry
from dlheir.errors import InputError, WorkError
from dlheir.files import sha256_of_file, user_cache

# Where relative URLs start unless somebody says otherwise: a URL or a folder; None is the registry
# file's own folder. To publish the checkpoints elsewhere is to change this line.
BASE: str | None = None
TIMEOUT = 30.0  # seconds in which a server has to say something
RETRIES = 4
_SWITCH = {"": False, "0": False, "false": False, "no": False, "1": True, "true": True, "yes": True}


@dataclass(frozen=True)
class Source:
    """Where checkpoints come from. What they must be, the registry alone says.

    Attributes:
        registry: What can be asked for.
        base: A URL, or a folder on this machine, where the registry's relative URLs start.
        offline: Use no network: only the cache and folders on this machine.
        timeout: Seconds after which a silent server counts as gone.
        retries: How often a failed download is tried again.
    """

    registry: Registry
    base: str
    offline: bool
    timeout: float = TIMEOUT
    retries: int = RETRIES

    @classmethod
    def of(
        cls, registry: Path | None = None, base: str | None = None, offline: bool | None = None
    ) -> "Source":
        """Fill from the environment what is not given.

        Args:
            registry: A registry file; null takes DLHEIR_REGISTRY, else the one of this package.
            base: See above; null takes DLHEIR_CHECKPOINTS_BASE, else `BASE`.
            offline: See above; null takes DLHEIR_OFFLINE.

        Raises:
            InputError: The registry cannot be read, or DLHEIR_OFFLINE is neither 0 nor 1.
        """
        found = read_registry(registry)
        own = BASE or str(found.path.parent)
        return cls(
            found,
            base or os.environ.get("DLHEIR_CHECKPOINTS_BASE") or own,
            _offline() if offline is None else offline,
        )

    def fetch(self, name: str) -> Path:
        """Return a checkpoint's file, which has the SHA-256 that the registry says.

        A file in a folder on this machine stays where it is. Any other is downloaded to the user's
        cache once.

        Raises:
            InputError: There is no such name, it is not hosted yet, or the base is no place.
            WorkError: The file cannot be had, or is another one.
        """
        entry = self.registry.find(name)
        if entry.url is None:
            raise InputError(
                f"checkpoint {name}: not hosted yet; its scores are known, its file cannot be had; "
                "`dlheir checkpoints list` shows which can"
            )
        url = self._url(entry.url)
        if _is_local(url):
            return _in_place(entry, _local_path(url))
        cached = user_cache() / "checkpoints" / f"{name}-{entry.sha256[:8]}" / "model.safetensors"
        if cached.is_file() and sha256_of_file(cached) == entry.sha256:
            return cached
        if self.offline:
            state = f"{cached} is damaged" if cached.exists() else "not in the cache"
            raise WorkError(
                f"checkpoint {name}: {state}, and this is offline; "
                f"`dlheir checkpoints download {name}` with a network brings it"
            )
        from dlheir.checkpoints.download import download  # most calls find their file here

        return download(entry, url, cached, self.timeout, self.retries)

    def _url(self, url: str) -> str:
        """The absolute URL, or the path, of one in the registry."""
        if "://" in url:
            return url
        return f"{self.base.rstrip('/')}/{url}"


def locate(name_or_path: str | Path, source: Source | None = None) -> Path:
    """Return the file of a checkpoint.

    Args:
        name_or_path: A registered name, which wins over a file of that name and is fetched and
            verified; or the path of a file, which is taken as it is. A `Path` and what has a slash
            in it are paths.
        source: Where names lead; null takes what the environment says.

    Raises:
        InputError: It is neither.
        WorkError: The file of a name cannot be had.
    """
    path, hint = Path(name_or_path), ""
    if isinstance(name_or_path, str) and "/" not in name_or_path:
        source = source or Source.of()
        if name_or_path in source.registry.entries:
            return source.fetch(name_or_path)
        hint = f", and no checkpoint of that name; {source.registry.hint(name_or_path)}"
    if not path.is_file():
        kind = "is a folder" if path.is_dir() else "no such checkpoint file"
        raise InputError(f"{name_or_path}: {kind}{hint}")
    return path


def _in_place(entry: Entry, path: Path) -> Path:
    """Check a file on this machine.

    Raises:
        InputError: There is none.
        WorkError: It is another one.
    """
    if not path.is_file():
        raise InputError(
            f"checkpoint {entry.name}: no file {path}; give the folder or URL that has it "
            "(--base, DLHEIR_CHECKPOINTS_BASE)"
        )
    if sha256_of_file(path) != entry.sha256:
        raise WorkError(
            f"checkpoint {entry.name}: {path} is not the file that the registry means (another "
            "SHA-256); it is damaged or another version; get it again"
        )
    return path


def _is_local(url: str) -> bool:
    return "://" not in url or url.startswith("file://")


def _local_path(url: str) -> Path:
    if "://" not in url:
        return Path(url).expanduser()
    parts = urlsplit(url)
    if parts.netloc not in {"", "localhost"}:
        raise InputError(f"{url}: names another machine; write file:///FOLDER, or mount it")
    return Path(unquote(parts.path))


def _offline() -> bool:
    given = os.environ.get("DLHEIR_OFFLINE", "")
    if given.lower() not in _SWITCH:
        raise InputError(f"DLHEIR_OFFLINE is {given!r}; give 1 (no network) or 0")
    return _SWITCH[given.lower()]
