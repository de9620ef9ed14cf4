"""Checkpoints by name: the registry, and their files on this machine. Imports no torch."""

from dlheir.checkpoints.registry import (
    Entry,
    Registry,
    list_checkpoints,
    read_registry,
    write_registry,
)
from dlheir.checkpoints.source import Source, locate

__all__ = [
    "Entry",
    "Registry",
    "Source",
    "list_checkpoints",
    "locate",
    "read_registry",
    "write_registry",
]
