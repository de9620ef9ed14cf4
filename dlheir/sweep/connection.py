"""The way to Ray: a cluster of this machine alone, begun and ended here, or one that there is."""

import logging
import os
import secrets
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dlheir.errors import InputError, WorkError
from dlheir.machine import usable_cores
from dlheir.sweep.resources import Resources

# Of the cluster that is begun here.
_OWN_CLUSTER = {
    # Its ports are open to the network: only who knows this secret is answered. Ray would do the
    # same with a file in the home folder, and print about it.
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
    # Where memory runs out, Ray would kill the youngest run; the kernel kills the largest.
    "RAY_memory_monitor_refresh_ms": "0",
}
_QUIET: dict[str, Any] = {"logging_level": logging.CRITICAL, "log_to_driver": False}
# Seconds to wait for an answer of Ray's servers.
PATIENCE = 5


class Cluster:
    """A cluster that this process is connected to."""

    def __init__(self) -> None:
        import ray

        here = ray.get_runtime_context()
        (node,) = (n for n in ray.nodes() if n["NodeID"] == here.get_node_id())
        head, _, port = here.gcs_address.rpartition(":")
        self._servers = {
            "the cluster's head": (head.strip("[]"), int(port)),
            "this machine's part of the cluster": (
                node["NodeManagerAddress"],
                node["NodeManagerPort"],
            ),
        }

    def check(self) -> None:
        """Notice that Ray's servers are gone, which its own functions wait for.

        Raises:
            WorkError: One is.
        """
        for name, (host, port) in self._servers.items():
            try:
                socket.create_connection((host, port), PATIENCE).close()
            except ConnectionRefusedError as error:
                raise WorkError(
                    f"Ray: {name} at {host}:{port} has ended; the same command goes on"
                ) from error
            except OSError:  # busy, or the network is: for Ray to judge
                continue

    def room(self, resources: Resources) -> int:
        """How many runs the machines that are there have room for."""
        import ray

        return sum(resources.runs_on(n["Resources"]) for n in ray.nodes() if n["Alive"])


@contextmanager
def connected(address: str | None) -> Iterator[Cluster]:
    """Connect to a cluster; what runs there for this process ends with the block.

    Args:
        address: HOST:PORT of a cluster's head, "auto" for one that this machine belongs to, None
            for a cluster of this machine alone.

    Raises:
        InputError: Ray is not installed, or there is no such cluster.
    """
    on_sigterm = signal.getsignal(signal.SIGTERM)
    _init(address)
    # Ray's own handler would end the process with the signal's number for an exit code.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    cluster = Cluster()
    try:
        yield cluster
    finally:
        _shutdown()
        signal.signal(signal.SIGTERM, on_sigterm)


def _init(address: str | None) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address is None:
        for name, value in _OWN_CLUSTER.items():
            os.environ.setdefault(name, value)
    try:
        import ray
        from ray._private import worker
    except ImportError as error:
        raise InputError("Ray is missing; pip install 'dlheir[sweep]'") from error
    worker._worker_logs_enabled = False  # Ray tells of every worker that died; so does the sweep
    if address is None:
        ray.init("local", num_cpus=usable_cores(), include_dashboard=False, **_QUIET)
        return
    try:
        if address != "auto":  # whose silence Ray takes minutes to notice
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), PATIENCE).close()
        ray.init(address, **_QUIET)
    except (OSError, ValueError, OverflowError, RuntimeError) as error:
        line = " ".join(str(error).split())
        raise InputError(
            f"--address {address}: no Ray cluster to join there; give HOST:PORT of its head, or "
            f"auto ({line})"
        ) from error


def _shutdown() -> None:
    import ray

    ray.shutdown()
