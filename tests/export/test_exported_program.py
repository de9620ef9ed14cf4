"""torch.export programs: PyTorch's codes, without this package."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from exported_cases import CASES, SHA256, codes_of, names_no_place_of_this_machine, settled

from dlheir.errors import WorkError
from dlheir.export import TOLERANCE, export_program, golden_levels, program
from dlheir.export.graph import Hashing, trace

ELSEWHERE = """
import sys
sys.modules["dlheir"] = None  # cannot be imported
import numpy as np, torch
module = torch.export.load("network.pt2").module()
levels = torch.from_numpy(np.load("levels.npy"))
with torch.no_grad():
    np.save("codes.npy", np.concatenate([module(batch)[1] for batch in levels.split(5)]))
"""


def export(network, path):
    levels = golden_levels(network.transform)
    return export_program(network, path, checkpoint_sha256=SHA256, levels=levels)


@pytest.mark.parametrize("settings", CASES.values(), ids=CASES)
def test_codes_are_those_of_the_network(settings, tmp_path):
    found = export(settled(**settings), tmp_path / "network.pt2")
    assert found.bits == 16 * 24
    assert found.largest_difference <= TOLERANCE


def test_program_runs_without_this_package_in_batches_of_any_size(tmp_path):
    network = settled()
    found = export(network, tmp_path / "network.pt2")
    levels = golden_levels(network.transform)
    np.save(tmp_path / "levels.npy", levels.numpy())
    subprocess.run([sys.executable, "-c", ELSEWHERE], check=True, cwd=tmp_path)
    codes = np.load(tmp_path / "codes.npy")
    assert np.count_nonzero(codes != codes_of(network, levels)) <= found.flipped


def test_file_says_what_it_is_and_no_place_of_this_machine(tmp_path):
    network = settled()
    export(network, tmp_path / "network.pt2")
    extra = {"dlheir": ""}
    torch.export.load(tmp_path / "network.pt2", extra_files=extra)
    about = json.loads(extra["dlheir"])
    assert about["network"] == network.settings
    assert about["checkpoint_sha256"] == SHA256
    # Its files are stored, not compressed.
    assert names_no_place_of_this_machine((tmp_path / "network.pt2").read_bytes())


def test_same_network_gives_the_same_bytes(tmp_path):
    for name in ("first.pt2", "again.pt2"):
        export(settled(), tmp_path / name)
    assert (tmp_path / "first.pt2").read_bytes() == (tmp_path / "again.pt2").read_bytes()


def test_wrong_program_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(program, "trace", lambda hashing: trace(Hashing(settled(replace_last=2))))
    with pytest.raises(WorkError, match=r"network\.pt2: not written"):
        export(settled(), tmp_path / "network.pt2")
    assert not list(tmp_path.iterdir())
