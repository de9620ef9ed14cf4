"""Wrong arguments and wrong input: one line, exit code 2, and nothing left behind."""

import pytest
import torch
from command_line import snapshot, the_run

BATCH = "data.batch_size"

# Name of the case: more arguments, and what the line must say.
WRONG_ARGUMENTS = {
    "no bits": (["--model.bits", "0"], "bits must be an integer in 1 ... 1024, not 0"),
    "unknown model": (["--model.name", "resnet"], "known models: alexnet, alexnet_ir"),
    "unknown argument": (["--bogus", "1"], "unknown argument --bogus; see dlheir fit --help"),
    "typing error": (["--data.batchsize", "1"], "did you mean --data.batch_size?"),
    "typing error, nested": (
        ["--data.augmentation.minarea", "1"],
        "did you mean --data.augmentation.min_area?",
    ),
    "no such word": (["extra"], "unknown argument extra"),
    "unknown data class": (
        ["--data", "Corel7K"],
        "--data is Corel7K; expected one of CIFAR10, Corel10K, ",
    ),
    "wrong type": (["--model.bits", "many"], "--model.bits is many; expected a whole number"),
    "no value": (["--model.bits"], "--model.bits: expected one argument"),
    "wrong type of data": (
        ["--data.image_size", "huge"],
        "--data.image_size is huge; expected a whole number or 'max'",
    ),
    "wrong choice": (["--data.resize", "stretch"], "expected 'warp', 'letterbox', 'crop'"),
    "set by the data": (
        ["--model.num_classes", "5"],
        "--model.num_classes is set by the data; leave it out",
    ),
    "too small": (["--data.image_size", "8"], "image_size must be an integer at least 32, not 8"),
    "wrong share": (["--data.validation_share", "1.5"], "validation_share is 1.5"),
    "wrong augmentation": (["--data.augmentation.min_area", "2"], "augmentation.min_area is 2.0"),
    "augmentation by name": (
        ["--data.augmentation", "strong"],
        "--data.augmentation is strong; expected {NAME: VALUE, ...} or null",
    ),
    "no answers": (["--retrieval.ks", "[0]"], "retrieval.ks is [0]"),
    "no list": (["--retrieval.ks", "20"], "--retrieval.ks is 20; expected [VALUE, ...]"),
    "unknown W&B mode": (["--wandb.mode", "maybe"], "--wandb.mode is maybe; expected 'auto', "),
    "negative seed": (["--seed_everything", "-1"], "--seed_everything is -1; give a number from 0"),
    "seed of the wrong type": (["--seed_everything", "true"], "--seed_everything is True"),
    "no training": (["--trainer.max_epochs", "0"], "--trainer.max_epochs is 0"),
    "no batches": (["--trainer.limit_train_batches", "0"], "--trainer.limit_train_batches is 0"),
    "test of a part": (["--trainer.limit_test_batches", "0.5"], "every picture is searched"),
    "dry run": (["--trainer.fast_dev_run", "true"], "keeps no checkpoint to test"),
    "half weights": (["--trainer.precision", "bf16-true"], "use one of 32-true, bf16-mixed"),
    "no such accelerator": (["--trainer.accelerator", "abacus"], "invalid accelerator name"),
    "no such device": (["--trainer.devices", "0"], "not a valid input using cpu accelerator"),
    "no such precision": (["--trainer.precision", "7"], "--trainer.precision is 7; expected "),
    "indivisible batch": (["--trainer.devices", "3"], "cannot be shared by 3 devices"),
    "batch of one each": (
        ["--trainer.devices", "2", f"--{BATCH}", "2"],
        "2 devices need at least 4 pictures in data.batch_size (2)",
    ),
    "no workers": (["--data.workers", "-1"], "data.workers is -1; it must not be negative"),
    "no rate": (["--model.learning_rate", "-1"], "model.learning_rate is -1.0"),
    "no threshold": (["--model.threshold", "2"], "model.threshold is 2.0"),
    "unknown objective": (["--model.objective", "foo"], "unknown objective 'foo'"),
    "unknown option": (["--model.options", "{foo: 1}"], "takes no 'foo'"),
    "no ImageNet weights": (
        ["--model.backbone_weights", "DEFAULT"],
        "no ImageNet weights",
    ),
    "missing weights": (["--model.backbone_weights", "none.pth"], "none.pth"),
    "missing split": (["--data.split", "none.json"], "none.json"),
    "missing checkpoint": (["--ckpt_path", "none.ckpt"], "none.ckpt"),
    "missing folder": (["--data.root", "nowhere"], "nowhere: no such folder"),
    "missing configuration": (["--config", "none.yaml"], "--config none.yaml: no such file"),
}


@pytest.fixture
def complaint(main, tmp_path, monkeypatch):
    """Run a command that must be refused, and return its one line."""
    monkeypatch.chdir(tmp_path)
    # Of the tests' own environment, a proxy that nobody serves stands for no network.
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")

    def complaint(*arguments):
        before = snapshot(tmp_path)
        finished = main(*arguments)
        assert finished.code == 2, finished.err
        assert "Traceback" not in finished.err
        assert snapshot(tmp_path) == before, "something was left behind"
        (line,) = finished.complaints
        assert finished.err.splitlines()[-1] == line
        return line

    return complaint


@pytest.mark.parametrize("case", WRONG_ARGUMENTS)
def test_wrong_arguments(complaint, small, tmp_path, case):
    arguments, expected = WRONG_ARGUMENTS[case]
    assert expected in complaint(*small(tmp_path / "runs"), *arguments)


@pytest.mark.parametrize("command", [["fti"], ["--bogus"], ["fit,"]])
def test_unknown_command(complaint, command):
    there = "there are fit, test, sweep, report, compare, complexity, benchmark"
    assert there in complaint(*command)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["foo"], "unknown model 'foo'"),
        (["--bits", "0"], "bits must be an integer"),
        (["--bits", "x"], "argument --bits: invalid int value: 'x'"),
    ],
)
def test_complexity(complaint, arguments, expected):
    assert expected in complaint("complexity", *arguments)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model: {name: [\n", "not written in YAML, see line 2"),
        ("hello\n", "no settings in it"),
        ("model: {nam: dlheir}\n", "unknown argument model.nam; did you mean --model.name?"),
        ("model: {bits: many}\n", "--model.bits is many; expected a whole number"),
        ("data: {class_path: Foo}\n", "expected one of CIFAR10, Corel10K, "),
        ("data: {init_args: {rot: x}}\n", "unknown argument rot"),
        ("\x00\x01", "not written in YAML"),
    ],
)
def test_wrong_configuration(complaint, tmp_path, text, expected):
    (tmp_path / "wrong.yaml").write_text(text)
    assert expected in complaint("fit", "--config", "wrong.yaml")


def class_folders(root, pictures, count=4):
    """Copy some pictures of two classes."""
    for folder in sorted(pictures.iterdir())[:2]:
        (root / folder.name).mkdir(parents=True)
        for path in sorted(folder.iterdir())[:count]:
            (root / folder.name / path.name).write_bytes(path.read_bytes())
    return root


def truncated_jpeg(root, pictures):
    from PIL import Image

    target = root / "bird_plain" / "cut.jpg"
    Image.open(pictures / "fish_banded" / "8.png").save(target)
    target.write_bytes(target.read_bytes()[:-200])
    return "1 unreadable: bird_plain/cut.jpg"


def text_called_jpeg(root, pictures):
    (root / "bird_plain" / "note.jpg").write_text("no picture")
    return "1 unreadable: bird_plain/note.jpg"


def class_of_one(root, pictures):
    (root / "single").mkdir()
    (root / "single" / "0.png").write_bytes((pictures / "fish_banded" / "8.png").read_bytes())
    return "class single has "


def copied_picture(root, pictures):
    for number in range(20):  # so many that one of them is a query
        (root / "bird_plain" / f"copy{number}.png").write_bytes(
            (root / "bird_plain" / "0.png").read_bytes()
        )
    return "queries are copies of database pictures"


@pytest.mark.parametrize(
    "damage",
    [truncated_jpeg, text_called_jpeg, class_of_one, copied_picture],
    ids=lambda f: f.__name__,
)
def test_wrong_pictures(complaint, small, pictures, tmp_path, damage):
    root = class_folders(tmp_path / "mine", pictures)
    expected = damage(root, pictures)
    assert expected in complaint(*small(tmp_path / "runs", data__root=root))


@pytest.mark.parametrize("command", ["fit", "test"])
def test_checkpoint_of_another_length(complaint, small, finished_run, tmp_path, command):
    checkpoint = finished_run.folder / "checkpoints" / "last.ckpt"
    arguments = small(tmp_path / "runs", command, model__bits=12, ckpt_path=checkpoint)
    assert "has bits 48, not 12 as asked for" in complaint(*arguments)


@pytest.mark.parametrize("command", ["fit", "test"])
@pytest.mark.parametrize("content", ["text", "foreign"])
def test_no_checkpoint(complaint, small, tmp_path, command, content):
    path = tmp_path / "wrong.ckpt"
    if content == "text":
        path.write_text("no checkpoint")
    else:
        torch.save({"weight": torch.zeros(1)}, path)
    line = complaint(*small(tmp_path / "runs", command, ckpt_path=path))
    assert "wrong.ckpt" in line


def test_training_does_not_go_on_from_weights_alone(complaint, small, finished_run, tmp_path):
    whole = torch.load(finished_run.folder / "checkpoints" / "last.ckpt", weights_only=True)
    alone = {key: whole[key] for key in ("state_dict", "hyper_parameters")}
    torch.save(alone, tmp_path / "alone.ckpt")
    line = complaint(*small(tmp_path / "runs", ckpt_path=tmp_path / "alone.ckpt"))
    assert "holds a network alone" in line


def test_nothing_to_test(complaint, small, tmp_path):
    arguments = small(tmp_path / "runs", "test")
    assert "give the checkpoint to test" in complaint(*arguments)
    line = complaint(*arguments, "--ckpt_path", "none.ckpt")
    assert "none.ckpt: no such checkpoint file, and no checkpoint of that name" in line


def test_imagenet_weights_without_a_network(
    complaint, small, tmp_path, tmp_path_factory, monkeypatch
):
    torch_home = tmp_path_factory.mktemp("torch")
    monkeypatch.setenv("TORCH_HOME", str(torch_home))
    arguments = small(
        tmp_path / "runs", model__name="mobilenet_v2", model__backbone_weights="DEFAULT"
    )
    line = complaint(*arguments)
    assert "download https://download.pytorch.org/models/mobilenet_v2" in line
    assert not [path for path in torch_home.rglob("*") if path.is_file()]


def test_runs_below_a_file(complaint, small, tmp_path):
    (tmp_path / "file").write_text("")
    assert "choose another folder by --runs" in complaint(*small(tmp_path / "file" / "runs"))


def test_read_only_runs(complaint, small, disk):
    assert "choose another folder by --runs" in complaint(*small(disk("ro,size=100m") / "runs"))


def test_small_disk_is_refused_before_work(complaint, small, disk):
    line = complaint(*small(disk("size=2m") / "runs"))
    assert "2 MB free, about" in line
    assert "choose another folder by --runs" in line


@pytest.mark.parametrize(
    "moment",
    ["checkpoints/last.ckpt", pytest.param("store.sqlite", marks=pytest.mark.soak)],
)
def test_disk_that_fills_up(start, dlheir, small, disk, moment):
    folder = disk("size=15m")
    runs = folder / "runs"
    # Training goes on long enough to be seen; the test of so few pictures does not.
    arguments = small(runs, trainer__max_epochs=40 if "ckpt" in moment else 1)
    running = start(*arguments)
    running.wait_until(lambda: any(runs.glob(f"*/*/{moment}")))
    fill(folder / "filler")
    stopped = running.wait()
    assert stopped.code == 2, stopped.err
    assert stopped.complaints == [stopped.err.splitlines()[-1]]
    assert "no space left on the disk" in stopped.err
    assert "Traceback" not in stopped.err
    assert not list(runs.rglob(".*.part"))
    assert not (the_run(runs) / "results.json").exists()
    (folder / "filler").unlink()
    resumed = dlheir(*arguments, "--ckpt_path", "last")
    assert resumed.code == 0, resumed.err
    assert (the_run(runs) / "results.json").exists()


def fill(path):
    """Write until the disk is full to the last byte."""
    with path.open("wb", buffering=0) as file:
        for size in (2**16, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass


def test_debug_shows_where(main, small, tmp_path):
    arguments = small(tmp_path / "runs", data__root="nowhere")
    plain, debug = main(*arguments), main(*arguments, "--debug")
    for finished in (plain, debug):
        assert finished.code == 2
        assert finished.complaints[-1].startswith("dlheir: nowhere: no such folder")
        assert not finished.out
    assert plain.err.splitlines() == plain.complaints
    assert "Traceback" in debug.err
    assert "class_per_folder(" in debug.err


def test_process_says_what_main_returns(dlheir, small, tmp_path):
    finished = dlheir(*small(tmp_path / "runs", data__root="nowhere"))
    assert finished.code == 2
    assert finished.err.splitlines() == finished.complaints
    assert not (tmp_path / "runs").exists()
