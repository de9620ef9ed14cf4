"""What a run takes along to a machine that does not see its folder, and brings back."""

import io
import shutil
import tarfile

from dlheir.runs import RunFolder


def pack(run: RunFolder) -> bytes | None:
    """A run's folder as a tar file; None where the run was not begun."""
    if not run.begun:
        return None
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path in sorted(run.path.iterdir()):
            if path != run.lock:
                tar.add(path, arcname=path.name)
    return buffer.getvalue()


def unpack(luggage: bytes | None, run: RunFolder) -> None:
    """Put a packed folder in a run's place, instead of what is there.

    Args:
        luggage: What `pack` made; nothing is done where it is None.
        run: Where it belongs. A kill leaves the old folder, none, or the new one, whole.
    """
    if luggage is None:
        return
    part = run.path.with_name(f".{run.run_id}.part")
    shutil.rmtree(part, ignore_errors=True)  # of a launcher that was killed while unpacking
    with tarfile.open(fileobj=io.BytesIO(luggage)) as tar:
        tar.extractall(part, filter="data")
    shutil.rmtree(run.path, ignore_errors=True)
    part.rename(run.path)
