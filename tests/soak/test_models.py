"""Every model trains one step, is tested and counted through the command line."""

import json

import pytest
from command_line import the_run

import dlheir as package

pytestmark = pytest.mark.soak


@pytest.mark.parametrize("name", package.list_models())
def test_model_goes_through_the_whole_house(main, small, tmp_path, name):
    arguments = small(
        tmp_path, model__name=name, trainer__max_epochs=1, trainer__limit_train_batches=1
    )
    finished = main(*arguments)
    assert finished.code == 0, finished.err
    results = json.loads((the_run(tmp_path) / "results.json").read_text())
    assert results["model"] == name
    assert results["status"] == "finished"
    assert results["complexity"]["macs"] > 0
    assert results["store"]["pictures"] == results["split"]["counts"]["database"]
    print(f"{name}: trained one step, tested, {results['complexity']['macs']:,} MACs")
