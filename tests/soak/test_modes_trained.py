"""On a trained network's codes the three modes rank alike, and as a search without encryption."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest
from encrypted_store import in_every_mode, through_a_rotation

from dlheir import retrieval

pytestmark = pytest.mark.soak

BITS = (48, 12, 32, 24)
K = 100
UNTRAINED = 0.4  # no untrained network's expected P@20 on these pictures (test_quickstart.py)


def quickstart_codes(runs, bits):
    """Train the quickstart network at a code length and return its codes of all pictures."""
    command = [sys.executable, "-m", "dlheir", "fit", "--runs", str(runs), "--wandb.mode=disabled"]
    subprocess.run([*command, f"--model.bits={bits}"], check=True)
    (results,) = runs.glob("*/*/results.json")
    precision = json.loads(results.read_text())["expected_precision"]["20"]
    assert precision > UNTRAINED
    with np.load(results.with_name("codes.npz")) as codes:
        return precision, codes["database_codes"], codes["query_codes"]


def test_the_modes_rank_alike_on_the_codes_of_trained_networks(tmp_path, request):
    lengths = BITS[: math.ceil(len(BITS) * request.config.getoption("--soak-share"))]
    for bits in lengths:
        precision, codes, queries = quickstart_codes(tmp_path / str(bits), bits)
        rankings = 0
        for store in in_every_mode(tmp_path / str(bits), codes):
            ids = np.array(store.ids, dtype=object)
            by_id = np.array(sorted(range(len(ids)), key=ids.__getitem__))
            rows, distances = retrieval.search(queries, codes[by_id], K)
            for moment in through_a_rotation(store, len(codes) // 2):
                for complete in (False, True):
                    answers = store.user().search(queries, K, complete)
                    where = f"{bits} bits, {store.keys.policy.mode}, {moment}"
                    np.testing.assert_array_equal(answers.ids, ids[by_id][rows], where)
                    np.testing.assert_array_equal(answers.distances, distances, where)
                    rankings += len(queries)
        tied = (np.diff(distances) == 0).mean()
        print(
            f"{bits} bits (expected P@20 {precision:.3f}, {len(codes)} pictures): {rankings} "
            f"rankings equal, {tied:.0%} of the answers at the distance of the one before"
        )
