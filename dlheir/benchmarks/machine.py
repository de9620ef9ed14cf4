"""The machine that figures were measured on, in words and numbers."""

import os
import platform
import sys
from pathlib import Path
from typing import Any

from dlheir.machine import usable_cores
from dlheir.results import installed, versions
from dlheir.runs import git_commit

# Beside those that decide results: what benchmarks compare with.
_COMPARED_WITH = ("torchmetrics", "cryptography", "usearch", "onnxruntime")


def describe_machine() -> dict[str, Any]:
    """Describe this machine now.

    Returns:
        JSON values: `cpu`, its model; `cores` that this process may use; `memory_gb` in all, null
        where the system does not say; `gpu`, the first one's name, null without one, or while
        torch is not imported; `system`; `load`, the mean number of working processes over the last
        minute, null where the system does not say: above 0.5 figures are in doubt; `versions`;
        `git_commit`.
    """
    return {
        "cpu": _cpu_model(),
        "cores": usable_cores(),
        "memory_gb": _memory_gb(),
        "gpu": _gpu(),
        "system": platform.platform(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "versions": versions() | installed(_COMPARED_WITH),
        "git_commit": git_commit(),
    }


def machine_line(machine: dict[str, Any]) -> str:
    """Say the same in one line, without versions."""
    commit = machine["git_commit"]
    parts = [
        f"{machine['cpu']}, {machine['cores']} cores",
        f"{machine['memory_gb']} GB" if machine["memory_gb"] else "",
        machine["gpu"] or "",
        machine["system"],
        f"Python {machine['versions']['python']}",
        f"load {machine['load']}" if machine["load"] is not None else "",
        f"commit {commit[:7]}{'-dirty' if commit.endswith('-dirty') else ''}" if commit else "",
    ]
    return "; ".join(part for part in parts if part)


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor() or platform.machine())


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, OSError, ValueError):
        return None


def _gpu() -> str | None:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    return str(torch.cuda.get_device_name(0))
