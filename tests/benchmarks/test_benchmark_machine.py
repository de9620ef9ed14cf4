"""What benchmarks say of the machine."""

import json
import re
import sys
from types import SimpleNamespace

import pytest

from dlheir.benchmarks.machine import describe_machine, machine_line
from dlheir.machine import usable_cores

MACHINE = {
    "cpu": "A CPU",
    "cores": 4,
    "memory_gb": 16.5,
    "gpu": "A GPU",
    "system": "Linux-6",
    "load": 0.25,
    "versions": {"python": "3.11.7"},
    "git_commit": "0123456789" * 4 + "-dirty",
}


def test_a_machine_is_described():
    machine = describe_machine()
    assert machine.keys() == MACHINE.keys()
    assert machine["cpu"].strip()
    assert machine["cores"] == usable_cores() >= 1
    assert machine["memory_gb"] is None or machine["memory_gb"] > 0.1
    assert machine["load"] is None or machine["load"] >= 0
    assert machine["versions"].keys() >= {"python", "torch", "numpy", "torchmetrics"}
    assert machine["git_commit"] is None or re.match("[0-9a-f]{40}", machine["git_commit"])
    assert json.loads(json.dumps(machine)) == machine


@pytest.mark.parametrize("there", [True, False])
def test_the_gpu_is_torchs(there, monkeypatch):
    cuda = SimpleNamespace(is_available=lambda: there, get_device_name=lambda _: "A GPU")
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    assert describe_machine()["gpu"] == ("A GPU" if there else None)


def test_torch_is_not_imported_for_it(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert describe_machine()["gpu"] is None
    assert "torch" not in sys.modules


def test_the_line_has_all_but_the_versions():
    assert machine_line(MACHINE) == (
        "A CPU, 4 cores; 16.5 GB; A GPU; Linux-6; Python 3.11.7; load 0.25; commit 0123456-dirty"
    )


def test_the_line_leaves_out_what_is_unknown():
    unknown = {"memory_gb": None, "gpu": None, "load": None, "git_commit": None}
    assert machine_line(MACHINE | unknown) == "A CPU, 4 cores; Linux-6; Python 3.11.7"
