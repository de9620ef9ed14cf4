"""The README's example of a new backbone: its code, its row, and the command line with it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import clean_environment, the_run
from model_table import cells_of, read_rows

from dlheir.models import list_models

README = Path(__file__).resolve().parents[2] / "README.md"

# In processes of their own, so that this one's registry stays as it is. They know the example as
# they would if it stood in dlheir/models/ and were imported there.
EXAMPLE = "import sys; exec(open(sys.argv[1]).read())\n"
COMMAND = EXAMPLE + "from dlheir.cli import main; sys.exit(main(sys.argv[2:]))"
TRUNK = (
    EXAMPLE
    + """
import json, torch, torchvision
from dlheir.complexity.counts import measure
from dlheir.models import get_model
from dlheir.models.registry import find_entry

name, weights = sys.argv[2:]
published = torchvision.models.get_model(name)
torch.save(published.state_dict(), weights)
network = get_model(name, backbone_weights=weights)
assert torch.equal(next(network.features.parameters()), next(published.parameters()))
trunk = find_entry(name).build("none", 224, {})
channels, height, width = network.features.eval()(torch.randn(1, 3, 224, 224)).shape[1:]
assert (channels, height, width) == (trunk.channels, 224 // trunk.stride, 224 // trunk.stride)
cost = measure(network, 224)
shape = {"channels": trunk.channels, "stride": trunk.stride}
side = {"smallest side": find_entry(name).smallest_side}
print(json.dumps(shape | {"parameters": cost.parameters, "MACs": cost.macs} | side))
"""
)


def block_after(marker):
    found = re.search(
        rf"<!-- {marker} -->\n```\w+\n(.*?)```\n<!-- end -->", README.read_text(), re.DOTALL
    )
    assert found, f"README.md has no block after <!-- {marker} -->"
    return found[1]


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    path = tmp_path_factory.mktemp("example") / "backbone.py"
    path.write_text(block_after("backbone example"))
    return path


@pytest.fixture(scope="module")
def run(example, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")

    def run(script, *arguments):
        done = subprocess.run(
            [sys.executable, "-c", script, str(example), *map(str, arguments)],
            env=clean_environment(home),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def name(example):
    return re.search(r'@register_model\(\s*"(\w+)"', example.read_text())[1]


@pytest.fixture(scope="module")
def row(name):
    columns = next(iter(read_rows().values()))
    row = dict(zip(columns, cells_of(block_after("backbone row").strip()), strict=True))
    assert row["name"] == f"`{name}`"
    return row


def test_its_model_is_trained_tested_and_counted(run, name, small, tmp_path):
    run(COMMAND, *small(tmp_path, model__name=name, trainer__max_epochs=1))
    results = json.loads((the_run(tmp_path) / "results.json").read_text())
    assert results["model"] == name
    assert results["status"] == "finished"
    assert results["complexity"]["macs"] > 0


def test_its_trunk_takes_published_weights_and_is_as_its_row_says(run, name, row, tmp_path):
    numbers = json.loads(run(TRUNK, name, tmp_path / "weights.pth"))
    assert {column: int(row[column].replace(",", "")) for column in numbers} == numbers


def test_readme_says_how_many_networks_there_are():
    (count,) = re.findall(r"\| networks \| (\d+):", README.read_text())
    assert int(count) == len(list_models())
