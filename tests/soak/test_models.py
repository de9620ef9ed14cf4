"""Every model trains one step, is tested, counted and exported."""

import json
import math
import random
from pathlib import Path

import pytest
import torch
from command_line import the_run

import dlheir as package
from dlheir.complexity import measure
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


def test_exported_model_gives_the_same(name):
    entry = find_entry(name)
    side = entry.smallest_side + 32  # maps of more than one place
    network = package.get_model(name, image_size=side).eval()
    images = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    exported = torch.export.export(network, (images,)).module()
    with torch.no_grad():
        torch.testing.assert_close(exported(images), network(images))
