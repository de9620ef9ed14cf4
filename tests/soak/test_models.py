"""Every model trains one step, is tested, counted and exported."""

import json
import math
import random
from pathlib import Path

import pytest
from command_line import the_run
from exported_cases import SHA256, settled

import dlheir as package
from dlheir.complexity.counts import measure
from dlheir.export import export_onnx, export_program, golden_levels, quantise_onnx
from dlheir.models.registry import find_entry

pytestmark = pytest.mark.soak

NAMES = package.list_models()
TABLE = Path(package.__file__).with_name("models") / "README.md"


def pytest_generate_tests(metafunc):
    """Take the share of the models that was asked for."""
    share, seed = map(metafunc.config.getoption, ("--soak-share", "--soak-seed"))
    drawn = random.Random(seed).sample(NAMES, math.ceil(len(NAMES) * share))
    metafunc.parametrize("name", sorted(drawn))


def test_model_goes_through_the_whole_house(main, small, tmp_path, name):
    arguments = small(
        tmp_path,
        model__name=name,
        data__image_size=find_entry(name).smallest_side,
        trainer__max_epochs=1,
        trainer__limit_train_batches=1,
    )
    finished = main(*arguments)
    assert finished.code == 0, finished.err
    results = json.loads((the_run(tmp_path) / "results.json").read_text())
    assert results["model"] == name
    assert results["status"] == "finished"
    assert results["complexity"]["macs"] > 0
    assert results["store"]["pictures"] == results["split"]["counts"]["database"]
    print(f"{name}: trained one step, tested, {results['complexity']['macs']:,} MACs")


def test_table_of_models_says_the_macs(name):
    (row,) = [line for line in TABLE.read_text().splitlines() if line.startswith(f"| `{name}` |")]
    cost = measure(package.get_model(name), 224)
    assert f"| {cost.parameters:,} | {cost.macs:,} |" in row


def test_exported_model_gives_the_same(name, tmp_path):
    side = find_entry(name).smallest_side + 32  # maps of more than one place
    network = settled(name, image_size=side)
    levels = golden_levels(network.transform)
    program, onnx, int8 = (tmp_path / file for file in ("a.pt2", "a.onnx", "int8.onnx"))
    found = [
        export_program(network, program, checkpoint_sha256=SHA256, levels=levels),
        export_onnx(network, onnx, checkpoint_sha256=SHA256, levels=levels),
        quantise_onnx(onnx, int8, calibration=levels, levels=levels),
    ]
    # With random weights each layer adds to the error, and thresholds lie between the pictures.
    assert found[-1].flipped < found[-1].bits / 2
    assert int8.stat().st_size < onnx.stat().st_size / 2
    for file in (program, onnx, int8):
        file.unlink()  # some have hundreds of megabytes
    differences = ", ".join(f"{each.largest_difference:.1g}" for each in found)
    print(f"{name}: pt2, onnx and int8 differ by {differences}; {found[-1].flipped} bits in int8")
