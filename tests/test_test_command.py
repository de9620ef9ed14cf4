"""`dlheir test` of any kind of checkpoint: one way, the same scores."""

import json
import os

import pytest
import torch
import yaml
from command_line import read_codes, the_run
from registered import registered

from dlheir.files import sha256_of_file
from dlheir.models import load_checkpoint
from dlheir.models.published import write_published
from dlheir.runs import decisive_settings

NAME = "dlheir_nano.small_48b"
SCORES = ("precision", "expected_precision", "precision_ceiling", "expected_map", "map")


@pytest.fixture(scope="module")
def last(finished_run):
    return finished_run.folder / "checkpoints" / "last.ckpt"


@pytest.fixture(scope="module")
def published(last, tmp_path_factory):
    """The run's network in half precision."""
    path = tmp_path_factory.mktemp("published") / "model.safetensors"
    network = load_checkpoint(last)
    write_published(path, network.settings, network.state_dict(), {"run_id": "a run"})
    return path


@pytest.fixture
def registry(published, finished_run, tmp_path, monkeypatch):
    """A registry with the published file, and its settings without a place for pictures."""
    path = registered(tmp_path / "checkpoints", NAME, published)
    config = yaml.safe_load((finished_run.folder / "config.yaml").read_text())
    settings = {key: config[key] for key in ("seed_everything", "model", "data", "trainer")}
    del settings["data"]["init_args"]["root"]
    (path.parent / NAME / "config.yaml").write_text(yaml.safe_dump(settings))
    monkeypatch.setenv("DLHEIR_REGISTRY", str(path))
    return path


def results_of(runs):
    return json.loads((the_run(runs) / "results.json").read_text())


@pytest.fixture
def tested(main, small, tmp_path):
    """Test a checkpoint and return its results."""

    def tested(name, checkpoint, **settings):
        done = main(*small(tmp_path / name, "test", ckpt_path=checkpoint, **settings))
        assert done.code == 0, done.err
        assert "as served" in done.out
        return results_of(tmp_path / name)

    return tested


def test_all_kinds_are_tested_alike(tested, finished_run, last, published, registry, tmp_path):
    trained = json.loads((finished_run.folder / "results.json").read_text())
    by_kind = {
        "run": tested("run", last),
        "file": tested("file", published),
        "name": tested("name", NAME),
    }
    for score in SCORES:
        assert by_kind["run"][score] == trained[score]
        assert by_kind["file"][score] == by_kind["name"][score]
    # Half precision may turn a bit; this one turns none.
    whole = read_codes(the_run(tmp_path / "run"))
    for kind in ("file", "name"):
        half = read_codes(the_run(tmp_path / kind))
        assert abs(half["query_margins"] - whole["query_margins"]).max() < 1e-2
        assert (half["query_margins"] != whole["query_margins"]).any()
    files = {"run": last, "file": published, "name": published}
    for kind, file in files.items():
        expected = {"path": file.name, "sha256": sha256_of_file(file)}
        assert by_kind[kind]["tested_checkpoint"] == expected
    assert by_kind["file"]["run_id"] == by_kind["name"]["run_id"] != by_kind["run"]["run_id"]


def test_nothing_is_left_of_the_random_weights(tested, last):
    """Another seed draws others, and another order of ties; the split stays, and the codes."""
    split = last.parents[1] / "split.json"
    first, second = (
        tested(f"seed{seed}", last, seed_everything=seed, data__split=split) for seed in (0, 1)
    )
    assert first["run_id"] != second["run_id"]
    for score in ("expected_precision", "expected_map", "hamming_radius_2"):
        assert first[score] == second[score]


def test_imagenet_weights_are_not_loaded(tested, main, small, last, tmp_path, monkeypatch):
    """The network has none, and a file of them is not there: both are left out, of the id too."""
    plain = tested("plain", last)
    for number, weights in enumerate(("DEFAULT", "none.pth")):
        runs = tmp_path / str(number)
        done = main(*small(runs, "test", ckpt_path=last, model__backbone_weights=weights))
        assert done.code == 0, done.err
        assert results_of(runs)["run_id"] == plain["run_id"]
        config = yaml.safe_load((the_run(runs) / "config.yaml").read_text())
        assert config["model"]["backbone_weights"] is None


def test_a_trained_run_is_tested_from_its_file(main, small, tmp_path):
    """What is in memory after training is the last state, and the best one is what counts."""
    command = small(tmp_path, data__validation_share=0.3)
    assert main(*command).code == 0
    run = the_run(tmp_path)
    before = read_codes(run)["query_margins"]
    (run / "results.json").unlink()
    best = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
    best["state_dict"]["network.threshold"] += 0.25
    torch.save(best, run / "checkpoints" / "best.ckpt")
    done = main(*command, "--ckpt_path", "last")
    assert done.code == 0, done.err
    assert read_codes(run)["query_margins"] == pytest.approx(before - 0.25, abs=1e-5)


def test_run_id_is_of_the_content_wherever_it_lies(tested, published, tmp_path):
    elsewhere = tmp_path / "other.safetensors"
    elsewhere.write_bytes(published.read_bytes())
    assert tested("here", published)["run_id"] == tested("there", elsewhere)["run_id"]
    state = load_checkpoint(published).state_dict() | {"threshold": torch.full((48,), 0.4)}
    write_published(elsewhere, load_checkpoint(published).settings, state, {"run_id": "a run"})
    assert tested("other", elsewhere)["run_id"] != tested("here", published)["run_id"]


def test_two_processes_test_a_published_file(dlheir, small, tested, published, registry, tmp_path):
    alone = tested("alone", published)
    two = small(
        tmp_path / "two", "test", ckpt_path=NAME, trainer__devices=2, trainer__strategy="ddp"
    )
    done = dlheir(*two, env={"DLHEIR_REGISTRY": os.environ["DLHEIR_REGISTRY"]})
    assert done.code == 0, done.err
    assert done.complaints == []
    together = results_of(tmp_path / "two")
    assert together["device"].startswith("2 x ")
    assert together["run_id"] == alone["run_id"]
    assert together["tested_checkpoint"] == alone["tested_checkpoint"]
    for score in SCORES:
        assert together[score] == pytest.approx(alone[score], abs=1e-9)


# ------------------------------------------------------------------------ the checkpoint's settings


def test_name_alone_brings_its_settings(main, tested, pictures, registry, tmp_path):
    circumstances = ("--data.root", pictures, "--wandb.mode", "disabled", "--data.workers", 0)
    for form in (["--ckpt_path", NAME], [f"--ckpt_path={NAME}"]):
        runs = tmp_path / f"{len(form)}"
        done = main("test", *form, *circumstances, "--runs", runs)
        assert done.code == 0, done.err
        expected = tested(f"as told {len(form)}", NAME)
        found = results_of(runs)
        assert found["run_id"] == expected["run_id"]
        assert [found[score] for score in SCORES] == [expected[score] for score in SCORES]
    config = yaml.safe_load((the_run(runs) / "config.yaml").read_text())
    assert decisive_settings(config)["model"]["bits"] == 48


def complaint(main, *arguments):
    done = main(*arguments)
    assert done.code == 2, done.err
    (line,) = done.complaints
    assert "Traceback" not in done.err
    return line


def test_pictures_have_to_be_given(main, registry):
    assert "--data.root is missing" in complaint(main, "test", "--ckpt_path", NAME)


def test_settings_that_are_not_there(main, registry):
    settings = registry.parent / NAME / "config.yaml"
    settings.unlink()
    line = complaint(main, "test", "--ckpt_path", NAME)
    assert f"{settings}: no such file, which has the settings of checkpoint {NAME}" in line
    settings.write_text("{")
    assert f"{settings}: not written in YAML" in complaint(main, "test", "--ckpt_path", NAME)


def test_other_settings_may_be_given(main, registry, finished_run):
    line = complaint(
        main,
        *("test", "--config", finished_run.folder / "config.yaml", "--ckpt_path", NAME),
        *("--model.bits", "12"),
    )
    assert "has bits 48, not 12 as asked for" in line


def test_fit_takes_no_settings_from_a_checkpoint(main, registry, tmp_path):
    done = main("fit", "--ckpt_path", NAME, "--print_config")
    assert yaml.safe_load(done.out)["data"]["class_path"] == "dlheir.data.Generated"


# ---------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize("kind", ["name", "file"])
def test_training_does_not_go_on_from_a_published_file(
    main, small, published, registry, tmp_path, kind
):
    checkpoint = {"name": NAME, "file": published}[kind]
    line = complaint(main, *small(tmp_path / "runs", ckpt_path=checkpoint))
    assert "holds a network alone; training goes on from the last.ckpt of a run" in line
    assert not (tmp_path / "runs").exists()


def test_published_file_of_another_length(main, small, published, tmp_path):
    arguments = small(tmp_path / "runs", "test", model__bits=12, ckpt_path=published)
    assert "has bits 48, not 12 as asked for" in complaint(main, *arguments)


def test_damaged_file(main, small, published, tmp_path):
    content = bytearray(published.read_bytes())
    content[-1] ^= 1
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    line = complaint(main, *small(tmp_path / "runs", "test", ckpt_path=path))
    assert f"{path}: damaged" in line


def test_damaged_file_of_a_name(main, small, registry, tmp_path):
    path = registry.parent / NAME / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    done = main(*small(tmp_path / "runs", "test", ckpt_path=NAME))
    assert done.code == 1
    (line,) = done.complaints
    assert f"checkpoint {NAME}: {path} is not the file that the registry means" in line
    assert not (tmp_path / "runs").exists()


def test_unknown_name(main, small, registry, tmp_path):
    line = complaint(main, *small(tmp_path / "runs", "test", ckpt_path="dlheir_nano.smal_48b"))
    assert f"did you mean {NAME}?" in line
