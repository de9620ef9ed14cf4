"""The configurations and sweeps that come with the project."""

from pathlib import Path

import pytest
import torch
import yaml
from wandb.apis.public.sweeps import _validate_config_and_fill_distribution
from wandb.sdk.launch.sweeps.utils import load_sweep_config

from dlheir.baselines import list_systems
from dlheir.callbacks.baselines import check_baselines
from dlheir.comparison.settings import NETWORK, read_settings
from dlheir.models import list_models
from dlheir.objectives import list_objectives
from dlheir.sweep.command import command_of, fit_arguments
from dlheir.sweep.grid import read_sweep
from dlheir.task import HashingTask

ROOT = Path(__file__).parents[1]
EXPERIMENTS = ROOT / "experiments"
PLACES = {
    "COREL": "COREL",
    "COREL5K": "COREL5K",
    "COREL10K": "COREL10K",
    "SET": "Corel1K",
    "WEIGHTS": "DEFAULT",
}

FILES = sorted(EXPERIMENTS.rglob("*.yaml"))
SWEEPS = [path for path in FILES if "parameters" in yaml.safe_load(path.read_text())]
OBJECTIVES = sorted((EXPERIMENTS / "objectives").glob("*.yaml"))  # laid over a configuration
COMPARISONS = [path for path in FILES if "measure" in yaml.safe_load(path.read_text())]
CONFIGURATIONS = [path for path in FILES if path not in SWEEPS + OBJECTIVES + COMPARISONS]


def name_of(path):
    return path.relative_to(EXPERIMENTS).as_posix()


def resolved(main, *arguments):
    finished = main(*arguments, "--print_config")
    assert finished.code == 0, finished.err
    return yaml.safe_load(finished.out)


def value_at(config, key):
    """The setting with a dotted name."""
    section, _, rest = key.partition(".")
    value = config[section]
    if section == "data":
        value = value["init_args"]
    for part in filter(None, rest.split(".")):
        value = value[part]
    return value


@pytest.fixture
def sweep_of(monkeypatch):
    """Read a sweep in the surroundings that its comment asks for."""

    def sweep_of(name):
        for variable, place in PLACES.items():
            monkeypatch.setenv(variable, place)
        return read_sweep(EXPERIMENTS / name)

    return sweep_of


def arguments_of(sweep, combination):
    return fit_arguments(command_of(sweep, combination))


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=name_of)
def test_every_configuration_is_accepted(main, path):
    assert resolved(main, "fit", "--config", path)["experiment"] != "default"


@pytest.mark.parametrize("path", COMPARISONS, ids=name_of)
def test_every_comparison_is_accepted(path):
    assert {system.name for system in read_settings(path).systems} <= {NETWORK, *list_systems()}


@pytest.mark.parametrize("path", OBJECTIVES, ids=name_of)
def test_every_objective_is_laid_over_a_recipe(main, path):
    recipe = EXPERIMENTS / "recipes" / "corel5k_features.yaml"
    config = resolved(main, "fit", "--config", recipe, "--config", path)
    assert config["model"]["objective"] == path.stem
    assert config["model"]["cache_features"] is True
    assert config["experiment"] == "corel5k_features"


def test_every_objective_has_its_settings_and_a_place_on_the_leaderboard(sweep_of):
    assert [path.stem for path in OBJECTIVES] == list_objectives()
    sweep = sweep_of("sweeps/corel5k_leaderboard.yaml")
    named = {combination["config"] for combination in sweep.combinations}
    assert named == {f"experiments/objectives/{name}.yaml" for name in list_objectives()}


def test_the_ablation_of_backbones_has_all_of_them(sweep_of):
    sweep = sweep_of("ablations/backbones.yaml")
    assert [c["model.name"] for c in sweep.combinations] == list_models()


@pytest.mark.parametrize("name", ["dlheir", "densenet201"])
@pytest.mark.parametrize("size", [224, 384])
def test_the_papers_setting(main, name, size):
    """Section 4 of the paper."""
    config = resolved(main, "fit", "--config", EXPERIMENTS / "paper" / f"{name}_{size}.yaml")
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


@pytest.mark.parametrize("path", SWEEPS, ids=name_of)
def test_every_sweep_says_how_to_run_it(path):
    """Its comment names the file, and the variables that its command takes."""
    comment = "".join(line for line in path.read_text().splitlines(True) if line[0] == "#")
    sweep = f"experiments/{name_of(path)}\n"
    for variable in PLACES:
        needed = f"${{envvar:{variable}}}" in path.read_text()
        assert comment.count(f"{variable}=") == (2 if needed else 0)  # here and for W&B's agents
    assert f"dlheir sweep {sweep}" in comment
    assert f"wandb sweep {sweep}" in comment


@pytest.mark.parametrize("path", SWEEPS, ids=name_of)
def test_every_sweep_is_accepted_by_wandb(path):
    """What `wandb sweep` itself looks at; the rest is on its server."""
    content = load_sweep_config(str(path))
    assert content["method"] in {"grid", "random"}
    assert content["program"] == "dlheir"
    assert isinstance(content["command"], list)
    assert _validate_config_and_fill_distribution(content) == content


@pytest.mark.parametrize("path", SWEEPS, ids=name_of)
def test_every_sweeps_last_run_is_accepted(main, sweep_of, path):
    sweep = sweep_of(path)
    check_run(main, sweep, sweep.combinations[-1])


@pytest.mark.soak
@pytest.mark.parametrize("path", SWEEPS, ids=name_of)
def test_every_run_of_every_sweep_is_accepted(main, sweep_of, path):
    sweep = sweep_of(path)
    for combination in sweep.combinations:
        check_run(main, sweep, combination)


def check_run(main, sweep, combination):
    """Each parameter is found under its own name in config.yaml; a killed run can go on."""
    config = resolved(main, *arguments_of(sweep, combination))
    for key, value in combination.items():
        assert key == "config" or value_at(config, key) == value
    assert config["ckpt_path"] == "last"
    assert config["retrieval"]["keep_store"] is False
    assert config["experiment"] != "default"
    with torch.device("meta"):  # knows the options of network and objective, and holds no weights
        HashingTask(**config["model"] | {"backbone_weights": None})


def test_table_1_is_the_papers(sweep_of):
    """Section 4: both sizes and all four code lengths, and seeds to tell them from chance."""
    for name in ("table1", "table1_small"):
        sweep = sweep_of(f"paper/{name}.yaml")
        assert sweep.varied == ("data.image_size", "model.bits", "seed_everything")
        cells = {(c["data.image_size"], c["model.bits"]) for c in sweep.combinations}
        assert cells == {(size, bits) for size in (224, 384) for bits in (12, 24, 32, 48)}
        assert len(sweep.combinations) % len(cells) == 0
        assert len(sweep.combinations) >= 2 * len(cells)


def test_table_2_adds_only_the_original_network_to_table_1(main, sweep_of):
    table_1, table_2 = sweep_of("paper/table1.yaml"), sweep_of("paper/table2.yaml")
    assert [c["model.name"] for c in table_2.combinations] == 4 * ["densenet201", "dlheir"]
    of_table_2 = resolved(main, *arguments_of(table_2, table_2.combinations[1]))
    assert resolved(main, *arguments_of(table_1, table_1.combinations[0])) == of_table_2


@pytest.mark.parametrize(
    ("name", "network", "size", "epochs"),
    [("figure3", "mobilenet_v2", 224, 5), ("figure3_paper", "dlheir", 384, 200)],
)
def test_figure_3_has_every_code_length_and_every_baseline(
    main, sweep_of, name, network, size, epochs
):
    sweep = sweep_of(f"paper/{name}.yaml")
    assert {c["model.bits"] for c in sweep.combinations} == {12, 24, 32, 48}
    config = resolved(main, *arguments_of(sweep, sweep.combinations[0]))
    assert sorted(config["retrieval"]["baselines"]) == list_systems()
    assert config["data"]["class_path"] == "dlheir.data.Corel1K"
    assert config["model"]["name"] == network
    assert config["data"]["init_args"]["image_size"] == size
    assert config["trainer"]["max_epochs"] == epochs
    given = config["retrieval"]["baselines"]
    assert given.pop("imagenet_itq").keys() <= {"backbone_weights"}  # would be downloaded
    check_baselines(given)


def test_where_the_replacement_starts(sweep_of):
    sweep = sweep_of("ablations/replace_last.yaml")
    found = {combination["model.options.replace_last"] for combination in sweep.combinations}
    assert found == {0, 7, 14, 21, 28}
