"""`dlheir checkpoints publish`: from a run's folder to everything that people see of it."""

import json
import shutil
import tempfile
from pathlib import Path

import pytest
import torch
import yaml
from command_line import snapshot, the_run
from PIL import Image
from publishing_fixtures import OWN, PAINTED

from dlheir.files import sha256_of_file
from dlheir.models import load_checkpoint
from dlheir.publishing.overview import BEGIN
from dlheir.results import read_results
from dlheir.runs import RunFolder

FILES = ["README.md", "config.yaml", "model.safetensors", "retrieval.png"]


def retest_of(run: Path) -> RunFolder:
    (results,) = (run.parent.parent / "published").glob("*/results.json")
    return RunFolder(results.parent)


def contents(folder: Path) -> dict[str, str]:
    return {name: digest for name, (_, digest) in snapshot(folder).items()}


def test_all_that_belongs_to_a_checkpoint_is_there(published):
    assert list(published.registry.entries) == [PAINTED, OWN]
    assert {path.name for path in published.folder.iterdir()} == {
        "README.md",
        "registry.json",
        OWN,
        PAINTED,
    }
    for name, entry in published.registry.entries.items():
        folder = published.folder / name
        assert sorted(path.name for path in folder.iterdir()) == FILES
        weights = folder / "model.safetensors"
        assert entry.url == f"{name}/model.safetensors"
        assert (entry.sha256, entry.size) == (sha256_of_file(weights), weights.stat().st_size)
        assert published.said[name].split() == [name, str(weights), str(folder / "README.md")]


@pytest.mark.parametrize("name", [OWN, PAINTED])
def test_scores_are_those_of_the_published_file(published, name):
    facts = published.registry.entries[name].facts
    results = read_results(retest_of(published.runs[name]).results)
    assert results["tested_checkpoint"]["sha256"] == facts["sha256"]
    assert facts["tested"]["run_id"] == results["run_id"]
    assert facts["split"]["sha256"] == results["split"]["sha256"]
    for key, value in facts["scores"].items():
        assert value == results[key]
    asked = read_results(published.runs[name] / "results.json")["precision"]
    assert set(facts["scores"]["precision"]) == set(asked)
    network = load_checkpoint(published.folder / name / "model.safetensors")
    assert facts["bits"] == network.settings["bits"]
    assert facts["image_size"] == network.settings["image_size"]
    assert facts["classes"] == network.settings["num_classes"]


def test_how_it_was_made(published):
    own, painted = (published.registry.entries[name].facts["trained"] for name in (OWN, PAINTED))
    for name, trained in ((OWN, own), (PAINTED, painted)):
        results = read_results(published.runs[name] / "results.json")
        for key in ("run_id", "git_commit", "code_sha256", "device", "versions"):
            assert trained[key] == results[key]
    assert (own["epochs"], own["steps"], own["state"]) == (2, 4, "last")
    assert (painted["epochs"], painted["precision"]) == (1, "bf16-mixed")
    assert own["command"] == (
        f"dlheir fit --config checkpoints/{OWN}/config.yaml --data.root PICTURES"
    )
    assert painted["command"] == (
        f"dlheir fit --config checkpoints/{PAINTED}/config.yaml --trainer.precision bf16-mixed"
    )


@pytest.mark.parametrize("name", [OWN, PAINTED])
def test_the_card_s_command_is_the_same_run(published, name, main, pictures, tmp_path, monkeypatch):
    """Its configuration is all that decides the result: the run's id is the same."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "checkpoints").symlink_to(published.folder)
    command = published.registry.entries[name].facts["trained"]["command"]
    _, *arguments = command.replace("PICTURES", str(pictures)).split()
    more = ["--wandb.mode=disabled", "--trainer.accelerator=cpu", "--data.workers=0"]
    finished = main(*arguments, *more)
    assert finished.code == 0, finished.err
    assert the_run(tmp_path / "runs").name == published.runs[name].name


def test_nothing_tells_of_this_machine(published, pictures):
    strange = [str(pictures), str(Path.home()), str(Path.cwd()), tempfile.gettempdir()]
    strange += [str(run.parent) for run in published.runs.values()]
    for path in published.folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not [word for word in strange if word.encode() in content], path
    config = yaml.safe_load((published.folder / OWN / "config.yaml").read_text())
    assert "root" not in config["data"]["init_args"]


def test_other_ways_of_hashing_are_measured(published):
    for entry in published.registry.entries.values():
        hashing, counts = entry.facts["hashing"], entry.facts["split"]["counts"]
        assert set(hashing) == {"run", "bf16", "onnx", "onnx_int8"}
        for way in hashing.values():
            assert way["pictures"] == counts["database"] + counts["queries"]
            assert way["bits"] == way["pictures"] * entry.bits
            assert way["flipped"] >= way["pictures_changed"]
            assert set(way["expected_precision"]) == set(entry.facts["scores"]["precision"])
        assert hashing["onnx"]["difference"] <= hashing["onnx"]["tolerance"]
        # Rounding reaches few bits, eight bits of precision more.
        assert hashing["run"]["flipped"] < 0.02 * hashing["run"]["bits"]


def test_pictures_of_one_s_own_are_not_shown(published):
    own, painted = (published.folder / name / "retrieval.png" for name in (OWN, PAINTED))
    assert painted.read_bytes() == retest_of(published.runs[PAINTED]).picture.read_bytes()
    assert own.read_bytes() != retest_of(published.runs[OWN]).picture.read_bytes()
    with Image.open(own) as image:
        assert min(image.size) > 100
    assert "painted by `dlheir.data.Generated`" in (own.parent / "README.md").read_text()
    assert "Queries of Generated" in (painted.parent / "README.md").read_text()


@pytest.mark.parametrize("name", [OWN, PAINTED])
def test_same_command_again_changes_nothing(published, name, dlheir, tmp_path):
    copy = published.copy(tmp_path / "checkpoints")
    before = contents(copy.folder)
    finished = dlheir("checkpoints", "publish", copy.runs[name], "--to", copy.folder)
    assert finished.code == 0, finished.err
    assert "finished already" in finished.err  # its test
    assert contents(copy.folder) == before


@pytest.fixture
def other_run(own_run, tmp_path):
    """A run of the same settings that came to other weights."""
    run = RunFolder(tmp_path / "runs" / "quickstart" / own_run.name)
    shutil.copytree(own_run, run.path)
    state = torch.load(run.last, weights_only=True)
    state["state_dict"]["network.classifier.weight"] += 1
    torch.save(state, run.last)
    results = json.loads(run.results.read_text())
    results["tested_checkpoint"]["sha256"] = sha256_of_file(run.last)
    run.results.write_text(json.dumps(results))
    return run


def test_other_weights_of_a_name_take_its_consent(published, main, other_run, tmp_path):
    copy = published.copy(tmp_path / "checkpoints")
    before = contents(copy.folder)
    command = ["checkpoints", "publish", other_run.path, "--to", copy.folder, "--no-exports"]
    finished = main(*command)
    assert finished.code == 2
    (complaint,) = finished.complaints
    assert f"{OWN}: is published with the weights of {other_run.run_id}" in complaint
    assert contents(copy.folder) == before

    assert main(*command, "--name", "dlheir_nano.mine").code == 0
    assert list(copy.registry.entries) == [PAINTED, "dlheir_nano.mine", OWN]
    assert contents(copy.folder / OWN) == contents(published.folder / OWN)

    assert main(*command, "--replace", "--data-licence", "mine").code == 0
    entry = copy.registry.entries[OWN]
    assert entry.sha256 == copy.registry.entries["dlheir_nano.mine"].sha256
    assert entry.sha256 != published.registry.entries[OWN].sha256
    assert set(entry.facts["hashing"]) == {"run", "bf16"}
    assert "Data: mine." in (copy.folder / OWN / "README.md").read_text()


def test_moved_pictures_a_split_of_one_s_own_and_no_host(other_run, main, pictures, tmp_path):
    config = yaml.safe_load(other_run.config.read_text())
    config["data"]["init_args"] |= {"root": "/gone", "split": "/gone/split.json"}
    other_run.config.write_text(yaml.safe_dump(config))
    to = tmp_path / "checkpoints"
    command = ["checkpoints", "publish", other_run.path, "--to", to, "--no-exports"]
    finished = main(*command)
    assert finished.code == 2
    assert finished.complaints == [
        "dlheir: /gone: no such folder; give the run's pictures by --root"
    ]
    copied = tmp_path / "pictures"
    shutil.copytree(pictures, copied)
    finished = main(*command, "--root", copied, "--not-hosted")
    assert finished.code == 0, finished.err
    weights = Path(finished.out.splitlines()[1])
    assert weights == retest_of(other_run.path).path / "model.safetensors"
    assert not (to / OWN / "model.safetensors").exists()
    facts = json.loads((to / "registry.json").read_text())["checkpoints"][OWN]
    assert facts["url"] is None
    assert facts["sha256"] == sha256_of_file(weights)
    assert facts["tested"]["command"].endswith(" --data.root PICTURES --data.split SPLIT")
    assert "**Not hosted yet**" in (to / OWN / "README.md").read_text()
    assert "not hosted yet" in (to / "README.md").read_text()
    # Later there is a place for it.
    assert main(*command, "--root", copied).code == 0
    assert (to / OWN / "model.safetensors").is_file()
    # And then there is none again.
    assert main(*command, "--root", copied, "--not-hosted").code == 0
    assert not (to / OWN / "model.safetensors").exists()


def unfinished(run):
    run.results.unlink()


def no_run(run):
    run.config.unlink()


def without_checkpoint(run):
    run.last.unlink()


def changed_checkpoint(run):
    with run.last.open("ab") as file:
        file.write(b"x")


def other_split(run):
    results = json.loads(run.results.read_text())
    results["split"]["sha256"] = "0" * 64
    run.results.write_text(json.dumps(results))


def no_place(run):
    (run.path.parent / "to").mkdir()
    (run.path.parent / "to" / "README.md").write_text("# Mine\n")


@pytest.mark.parametrize(
    ("break_it", "arguments", "line"),
    [
        (unfinished, [], "no results there; the run has not finished"),
        (no_run, [], "no run of dlheir; give a folder runs/EXPERIMENT/RUN_ID"),
        (without_checkpoint, [], "last.ckpt: the tested checkpoint is missing; "),
        (changed_checkpoint, [], "last.ckpt: not the file that results.json is of; "),
        (other_split, [], "other pictures, or another split of them, than the run's"),
        (None, ["--root", "/gone"], "/gone: no such folder; give the run's pictures by --root"),
        (None, ["--name", "vgg16.mine"], "--name vgg16.mine: the network is dlheir_nano; "),
        (None, ["--name", "dlheir_nano"], "--name dlheir_nano: expected MODEL.TAG"),
        (None, ["--name", "dlheir_nano.a/b"], "--name dlheir_nano.a/b: expected MODEL.TAG"),
        (no_place, [], f"README.md: where do the tables go? put one line {BEGIN.strip()}"),
    ],
)
def test_refusals_are_one_line_and_leave_nothing(
    own_run, main, tmp_path, break_it, arguments, line
):
    run = RunFolder(tmp_path / "quickstart" / own_run.name)
    shutil.copytree(own_run, run.path)
    if break_it:
        break_it(run)
    to = run.path.parent / "to"
    before = contents(to)
    finished = main("checkpoints", "publish", run.path, "--to", to, *arguments)
    assert finished.code == 2
    (complaint,) = finished.complaints
    assert line in complaint
    assert contents(to) == before
    assert not (tmp_path / "published").exists()
