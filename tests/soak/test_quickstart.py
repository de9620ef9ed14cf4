"""The quickstart does what the README promises: training, bits and data matter."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from dlheir import get_model, retrieval
from dlheir.data.gallery import CLASSES, render

pytestmark = pytest.mark.soak


def quickstart(runs, *arguments):
    command = [sys.executable, "-m", "dlheir", "fit", "--runs", str(runs), *arguments]
    subprocess.run([*command, "--wandb.mode", "disabled"], check=True)
    (results,) = runs.glob("*/*/results.json")
    return json.loads(results.read_text())["expected_precision"]["20"]


def test_48_bits_reach_80_percent_and_12_bits_stay_clearly_below(tmp_path):
    long = quickstart(tmp_path / "48")
    short = quickstart(tmp_path / "12", "--model.bits", "12")
    print(f"quickstart, expected P@20: {long:.3f} with 48 bits, {short:.3f} with 12")
    assert long >= 0.8
    assert short <= long - 0.1


@pytest.mark.parametrize("name", ["dlheir_nano", "mobilenet_v2"])
def test_an_untrained_network_stays_below_40_percent(name):
    torch.manual_seed(0)
    network = get_model(name, bits=48, image_size=64).eval()
    pictures = [render(0, label, n, 64) for label in range(len(CLASSES)) for n in range(25)]
    labels = np.repeat(np.arange(len(CLASSES)), 25)
    with torch.no_grad():
        tensors = [torch.tensor(picture).permute(2, 0, 1) for picture in pictures]
        images = torch.stack([network.transform(tensor) for tensor in tensors])
        activations = torch.cat([network.activations(batch) for batch in images.split(64)]).numpy()
    codes = retrieval.binarize(activations, retrieval.median_thresholds(activations))
    queries = np.arange(len(labels)) % 25 >= 20
    found = retrieval.evaluate(
        codes[queries], labels[queries], codes[~queries], labels[~queries], ks=(20,)
    )
    print(f"untrained {name}, expected P@20: {found['expected_precision']['20']:.3f}")
    assert found["expected_precision"]["20"] < 0.4
