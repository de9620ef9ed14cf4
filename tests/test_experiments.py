"""The configurations that come with the project."""

from pathlib import Path

import pytest
import yaml

EXPERIMENTS = Path(__file__).parents[1] / "experiments"


def resolved(main, path):
    finished = main("fit", "--config", path, "--print_config")
    assert finished.code == 0, finished.err
    return yaml.safe_load(finished.out)


@pytest.mark.parametrize(
    "path",
    sorted(EXPERIMENTS.rglob("*.yaml")),
    ids=lambda path: path.relative_to(EXPERIMENTS).as_posix(),
)
def test_every_configuration_is_accepted(main, path):
    assert resolved(main, path)["experiment"] != "default"


@pytest.mark.parametrize("name", ["dlheir", "densenet201"])
@pytest.mark.parametrize("size", [224, 384])
def test_the_papers_setting(main, name, size):
    """Section 4 of the paper."""
    config = resolved(main, EXPERIMENTS / "paper" / f"{name}_{size}.yaml")
    model, data = config["model"], config["data"]["init_args"]
    assert model["name"] == name
    assert (model["learning_rate"], model["momentum"]) == (0.01, 0.9)
    assert (model["schedule"], model["warmup_epochs"], model["weight_decay"]) == ("constant", 0, 0)
    assert (model["objective"], model["threshold"]) == ("cross_entropy", 0.5)
    assert model["backbone_weights"] == "DEFAULT"
    assert config["data"]["class_path"] == "dlheir.data.Corel10K"
    assert (data["image_size"], data["batch_size"]) == (size, 64)
    assert (data["database_share"], data["validation_share"], data["resize"]) == (0.8, 0, "warp")
    assert config["trainer"]["max_epochs"] == 200
