"""Cells are the runs that `dlheir fit` would make of their arguments."""

import pytest
import torch
import yaml

from dlheir.data import folder as data_folder
from dlheir.errors import InputError
from dlheir.sweep.cells import plan_cells
from dlheir.sweep.grid import Sweep
from dlheir.training import RunCLI

# Settings of runs whose names must agree, each in a way of its own.
SETTINGS = {
    "nothing more": [],
    "seed": ["--seed_everything=7"],
    "bits": ["--model.bits", "12"],
    "largest size": ["--data.image_size=max"],
    "letterbox": ["--data.resize=letterbox"],
    "validation part": ["--data.validation_share=0.3"],
    "augmentation": ["--data.augmentation={flip: true, min_area: 0.5}"],
    "options": ["--model.options={replace_last: 2}"],
    "objective": ["--model.objective_options={label_smoothing: 0.1}"],
    "precision": ["--trainer.precision=bf16-mixed"],
    "other data class": ["--data=Generated", "--data.root=NEW", "--data.pictures_per_class=2"],
    "other configuration": [
        "--config",
        "experiments/recipes/mobilenet_v2_corel5k.yaml",
        "--data=PictureFolder",
        "--data.root=PICTURES",
        "--model.backbone_weights=null",
    ],
    "where and how fast": ["--data.workers=1", "--wandb.mode=offline", "--model.compile=true"],
}
REFUSED = {
    "no bits": ["--model.bits=0"],
    "no number": ["--model.bits=many"],
    "unknown argument": ["--bogus=1"],
    "unknown model": ["--model.name=resnet"],
    "unknown option": ["--model.options={foo: 1}"],
    "unknown objective": ["--model.objective=foo"],
    "wrong rate": ["--model.learning_rate=-1"],
    "wrong size": ["--data.image_size=8"],
    "negative seed": ["--seed_everything=-1"],
    "missing folder": ["--data.root=nowhere"],
    "missing configuration": ["--config=none.yaml"],
    "missing weights": ["--model.backbone_weights=none.pth"],
    "missing split": ["--data.split=none.json"],
}


def sweep_of(arguments, *combinations):
    command = ("python", "-m", "dlheir", *map(str, arguments), "${args}")
    return Sweep("some", "dlheir", command, "grid", (), combinations or ({},))


@pytest.fixture
def plan(small, tmp_path):
    """Plan the one cell of some settings of a small run."""

    def plan(*more):
        (cell,) = plan_cells(sweep_of([*small(tmp_path / "runs"), *more]))
        return cell

    return plan


@pytest.fixture
def run_of_fit(main, monkeypatch):
    """The run's folder that `fit` finds for some arguments; it stops there."""

    def run_of_fit(arguments):
        runs = []

        def stop(cli):
            runs.append(cli.run)
            raise SystemExit

        monkeypatch.setattr(RunCLI, "before_fit", stop)
        finished = main(*arguments)
        assert finished.code == 0, finished.err
        return runs[0]

    return run_of_fit


@pytest.fixture
def count_reads(monkeypatch):
    """Counts how often a collection's pictures are read."""
    reads = []
    inspect = data_folder.inspect

    def count(collection, *arguments):
        reads.append(collection.root)
        return inspect(collection, *arguments)

    monkeypatch.setattr(data_folder, "inspect", count)
    return reads


@pytest.mark.parametrize("case", SETTINGS)
def test_name_is_that_of_fit(plan, run_of_fit, pictures, tmp_path, case):
    places = {"--data.root=PICTURES": pictures, "--data.root=NEW": tmp_path / "new"}
    cell = plan(*(f"--data.root={places[a]}" if a in places else a for a in SETTINGS[case]))
    assert cell.refused is None
    assert cell.run == run_of_fit(cell.arguments)


def test_weights_count_by_content_and_are_not_read(plan, tmp_path):
    first, second, third = (tmp_path / f"{name}.pth" for name in "abc")
    first.write_text("no weights")
    second.write_text("no weights")
    third.write_text("others")
    names = [plan(f"--model.backbone_weights={path}").id for path in (first, second, third)]
    assert names[0] == names[1]
    assert len({*names, plan().id}) == 3


def test_name_with_weights_is_that_of_fit(plan, run_of_fit, tmp_path):
    from dlheir import get_model

    torch.save(get_model("mobilenet_v2").state_dict(), tmp_path / "weights.pth")
    cell = plan("--model.name=mobilenet_v2", f"--model.backbone_weights={tmp_path}/weights.pth")
    assert cell.run == run_of_fit(cell.arguments)


def test_configuration_is_that_of_the_folder(finished_run):
    (cell,) = plan_cells(sweep_of(finished_run.command))
    assert cell.run.path == finished_run.folder
    assert cell.config == yaml.safe_load((finished_run.folder / "config.yaml").read_text())
    assert cell.experiment == finished_run.folder.parent


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_the_line_of_fit(plan, main, tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    cell = plan(*REFUSED[case])
    assert cell.run is None
    assert cell.id.startswith("refused-")
    assert main(*cell.arguments).complaints == [f"dlheir: {cell.refused}"]


def test_unreadable_folder_is_refused(plan, monkeypatch):
    """As the system says it; this may be tested as root, who can read all."""

    def refuse(*_):
        raise PermissionError(13, "Permission denied", "pictures")

    monkeypatch.setattr(data_folder, "class_per_folder", refuse)
    assert "Permission denied: 'pictures'" in plan().refused


def test_fault_of_the_program_is_no_refusal(plan, monkeypatch):
    monkeypatch.setattr(data_folder, "class_per_folder", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        plan()


def test_help_is_no_run(plan):
    assert "ask for help" in plan("--print_config").refused


def test_refused_cell_does_not_stop_the_others(small, tmp_path):
    combinations = [{"model.bits": 12}, {"model.bits": 0}, {"model.bits": 24}]
    cells = plan_cells(sweep_of(small(tmp_path), *combinations))
    assert [cell.number for cell in cells] == [0, 1, 2]
    assert [cell.combination for cell in cells] == combinations
    assert [cell.refused is None for cell in cells] == [True, False, True]
    assert [cell.arguments[-2] for cell in cells] == [f"--model.bits={n}" for n in (12, 0, 24)]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("given", "added"),
    [
        ([], ["--ckpt_path=last"]),
        (["--ckpt_path=x.ckpt"], []),
        (["--ckpt_path", "x.ckpt"], []),
        (["--model.compile=false"], ["--ckpt_path=last"]),
    ],
)
def test_interrupted_run_goes_on_unless_told_otherwise(small, plan, tmp_path, given, added):
    expected = [str(argument) for argument in small(tmp_path / "runs")]
    assert list(plan(*given).arguments) == [*expected, *given, *added]


def test_same_run_is_one_cell(small, tmp_path):
    combinations = [
        {"data.workers": 0, "model.bits": 12},
        {"data.workers": 0, "model.bits": 24},
        {"data.workers": 1, "model.bits": 12},
        {"data.workers": 0, "model.bits": 48},
    ]
    cells = plan_cells(sweep_of(small(tmp_path), *combinations))
    assert [cell.number for cell in cells] == [0, 1, 3]


@pytest.mark.parametrize("key", ["runs", "experiment"])
def test_one_folder_for_all(small, tmp_path, key):
    places = [str(tmp_path / "a"), str(tmp_path / "b")]
    with pytest.raises(InputError, match="the cells of a sweep belong into one folder, not into"):
        plan_cells(sweep_of(small(tmp_path), *({key: place} for place in places)))


def test_same_pictures_are_read_once(small, tmp_path, count_reads):
    combinations = [
        {"model.bits": bits, "seed_everything": seed} for seed in (0, 1) for bits in (12, 24, 48)
    ]
    cells = plan_cells(sweep_of(small(tmp_path), *combinations))
    assert len({cell.id for cell in cells if cell.run}) == 6
    assert len(count_reads) == 2


def test_refused_pictures_are_read_once(small, pictures, tmp_path, count_reads):
    root = tmp_path / "mine"
    for folder in pictures.iterdir():
        (root / folder.name).mkdir(parents=True)
        for name in ("0.png", "1.png"):
            (root / folder.name / name).write_text("no picture")
    arguments = small(tmp_path / "runs", data__root=root)
    cells = plan_cells(sweep_of(arguments, {"model.bits": 12}, {"model.bits": 24}))
    assert ["6 unreadable" in cell.refused for cell in cells] == [True, True]
    assert len(count_reads) == 1


def test_what_the_time_depends_on(plan):
    """Of 8, 9 and 13 pictures 6, 7 and 10 are trained on; a third of these is held back."""
    cell = plan("--data.validation_share=0.3")
    assert (cell.classes, cell.image_size) == (3, 32)
    assert cell.training_pictures == 23 - (2 + 2 + 3)
    assert cell.tested_pictures == 30
    assert cell.epochs == 2


@pytest.mark.parametrize(
    ("limits", "epochs"),
    [
        (["--trainer.max_steps=4"], 2),  # 23 pictures in batches of 8 are 2 whole ones
        (["--trainer.max_steps=1"], 0.5),
        (["--trainer.max_epochs=-1", "--trainer.max_steps=8"], 4),
        (["--trainer.max_epochs=null"], 1000),
    ],
)
def test_epochs_by_either_limit(plan, limits, epochs):
    assert plan(*limits).epochs == epochs
