"""What lies under a file: a network, or a medium that nobody can write."""

import os
from pathlib import Path

_MOUNTS = Path("/proc/self/mounts")
_NETWORK = {
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "fuse.ceph",
    "fuse.glusterfs",
    "fuse.rclone",
    "fuse.s3fs",
    "fuse.sshfs",
    "gpfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "smb3",
    "smbfs",
}


def is_network(path: Path) -> bool:
    """Whether the file system is shared over a network; unknown where the system does not say."""
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        return False
    return file_system_type(path, lines) in _NETWORK


def file_system_type(path: Path, mounts: list[str]) -> str:
    r"""Return the type of the file system that holds a path.

    Args:
        path: need not exist.
        mounts: lines of `/proc/self/mounts`: device, mount point, type, ...; a later line hides an
            earlier one of the same place. Blanks in a mount point are written `\040`.
    """
    place = path.absolute().resolve()
    depth, kind = -1, ""
    for line in mounts:
        _, point, found, *_ = line.split(" ")
        point_path = Path(point.replace("\\040", " "))
        if place.is_relative_to(point_path) and len(point_path.parts) >= depth:
            depth, kind = len(point_path.parts), found
    return kind


def is_read_only(path: Path) -> bool:
    """Whether the file system is mounted read-only, so that nobody writes while we read."""
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
