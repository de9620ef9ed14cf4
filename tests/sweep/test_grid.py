"""Sweep files: what is accepted, in which order, and what is refused in one line."""

import pytest
import yaml

from dlheir.errors import InputError
from dlheir.sweep.command import command_of
from dlheir.sweep.grid import read_sweep

COMMAND = ["${env}", "${interpreter}", "-m", "dlheir", "fit", "${args}"]
BITS = {"model.bits": {"values": [12, 24]}}


@pytest.fixture
def sweep(tmp_path):
    """Read a sweep from a file of these contents."""

    def sweep(seed=0, **content):
        path = tmp_path / "table.yaml"
        settings = {"method": "grid", "command": COMMAND, "parameters": BITS} | content
        settings = {key: value for key, value in settings.items() if value is not ...}
        path.write_text(yaml.safe_dump(settings, sort_keys=False))
        return read_sweep(path, seed)

    return sweep


def test_a_grid_in_the_order_of_wandb(sweep):
    """W&B sorts the names, whatever the file's order; the last one's values change fastest."""
    read = sweep(
        parameters={
            "seed_everything": {"values": [1, 0]},
            "model.name": {"value": "dlheir"},
            "model.bits": {"values": [12, 48]},
        }
    )
    assert [list(combination.items()) for combination in read.combinations] == [
        [("model.bits", bits), ("model.name", "dlheir"), ("seed_everything", seed)]
        for bits in (12, 48)
        for seed in (1, 0)
    ]
    assert read.varied == ("seed_everything", "model.bits")


def test_what_a_file_says(sweep):
    read = sweep(name="Table 1", program="dlheir")
    assert (read.name, read.program, read.method) == ("Table 1", "dlheir", "grid")
    assert read.command == tuple(COMMAND)
    assert sweep().name == "table"  # of table.yaml


def test_labels_for_the_server_are_accepted(sweep):
    labels = {"description": "a", "project": "b", "entity": "c", "metric": {"name": "P@20"}}
    assert sweep(**labels) == sweep()


def test_run_cap_cuts_a_grid(sweep):
    parameters = {"model.bits": {"values": [12, 24, 32]}}
    capped = sweep(parameters=parameters, run_cap=2)
    assert capped.combinations == sweep(parameters=parameters).combinations[:2]
    assert capped.varied == ("model.bits",)


def test_without_a_command_wandbs_own(sweep):
    """`python PROGRAM --model.bits=12`, which no program of dlheir is."""
    with pytest.raises(InputError, match=r"python dlheir --model\.bits=12` is not `dlheir"):
        sweep(command=..., program="dlheir")


RANDOM = {
    "method": "random",
    "parameters": {
        "model.learning_rate": {"distribution": "log_uniform_values", "min": 0.001, "max": 1.0},
        "model.bits": {"values": [12, 24, 32, 48]},
        "model.name": {"value": "dlheir"},
    },
}


def test_a_random_sweep_is_a_function_of_its_seed(sweep):
    read = sweep(run_cap=20, **RANDOM)
    assert len(read.combinations) == 20
    assert read.varied == ("model.learning_rate", "model.bits")
    assert {combination["model.bits"] for combination in read.combinations} == {12, 24, 32, 48}
    assert len({combination["model.learning_rate"] for combination in read.combinations}) == 20
    assert sweep(run_cap=20, **RANDOM) == read
    assert sweep(run_cap=20, seed=1, **RANDOM).combinations[0] not in read.combinations


def test_a_larger_run_cap_adds_runs(sweep):
    few, many = sweep(run_cap=3, **RANDOM), sweep(run_cap=9, **RANDOM)
    assert many.combinations[:3] == few.combinations


def test_the_files_order_changes_no_draw(sweep):
    lines = dict(reversed(RANDOM["parameters"].items()))
    turned = sweep(run_cap=3, method="random", parameters=lines)
    assert turned.varied == ("model.bits", "model.learning_rate")
    assert turned.combinations == sweep(run_cap=3, **RANDOM).combinations


def test_what_is_drawn_twice_is_one_run(sweep):
    read = sweep(method="random", run_cap=50)
    assert sorted(c["model.bits"] for c in read.combinations) == [12, 24]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"method": "bayes"}, "method bayes needs W&B's server; use grid or random"),
        ({"method": ...}, "method is None; give grid or random"),
        ({"method": ["grid"]}, "give grid or random"),
        ({"early_terminate": {"type": "hyperband"}}, "early_terminate needs W&B's server; remove"),
        ({"methods": "grid"}, "unknown key 'methods'; there are program, method, parameters"),
        ({"parameters": ...}, "dlheir fit takes a configuration"),
        ({"parameters": {}}, "parameters is empty"),
        ({"parameters": [12]}, "parameters is empty"),
        ({"parameters": {"model bits": {"value": 1}}}, "'model bits' is no name"),
        ({"parameters": {3: {"value": 1}}}, "3 is no name"),
        ({"parameters": {"model.bits": {"values": [None]}}}, "model.bits: null would"),
        (
            {"parameters": {"model.learning_rate": {"min": 0.1, "max": 0.2}}},
            "model.learning_rate: a grid cannot have a distribution uniform",
        ),
        ({"method": "random"}, "run_cap is missing"),
        ({"run_cap": 0}, "run_cap is 0"),
        ({"run_cap": True}, "run_cap is True"),
        ({"run_cap": None}, "run_cap is None"),
        ({"name": "a/b"}, "name is 'a/b'"),
        ({"name": ".hidden"}, "name is '.hidden'"),
        ({"name": 3}, "name is 3"),
        ({"name": "a" * 101}, "at most 100 letters"),
        ({"program": None}, "program is None; give a text"),
        ({"command": "dlheir fit"}, "command is 'dlheir fit'; give a list"),
        ({"command": []}, "command is []; give a list"),
        ({"command": ["dlheir", "fit", {"--config": "a"}]}, "{'--config': 'a'} is no text"),
        ({"command": ["python", "train.py", "${args}"]}, "is not `dlheir fit`"),
        ({"command": ["dlheir", "fit", "${args}", "${args_json}"]}, "cannot take ${args_json}"),
        ({"command": ["dlheir", "fit", "--model.bits=12"]}, "no ${args}, so no parameter would"),
    ],
)
def test_what_is_refused(sweep, content, says):
    with pytest.raises(InputError) as caught:
        sweep(**content)
    message = str(caught.value)
    assert "table.yaml: " in message
    assert says in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"method: grid\nparameters: {a: [1}\n", "not written in YAML, see line 2"),
        (b"\xff\xfe\x00", "not written in YAML"),
        (b"parameters: 2026-13-45\n", "not written in YAML"),
        (b"- a\n- b\n", "no sweep"),
        (b"", "no sweep"),
    ],
)
def test_what_is_no_sweep(tmp_path, text, says):
    path = tmp_path / "sweep.yaml"
    path.write_bytes(text)
    with pytest.raises(InputError, match=f"sweep.yaml: {says}"):
        read_sweep(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.yaml: cannot be read"):
        read_sweep(tmp_path / "nowhere.yaml")


def test_numbers_in_a_command_are_texts(sweep):
    read = sweep(command=["dlheir", "fit", "--trainer.max_epochs", 3, "${args}"])
    assert command_of(read, read.combinations[0])[2:4] == ["--trainer.max_epochs", "3"]
