"""HashingTask: rates, schedule, freezing, thresholds, validation; with a real tiny training."""

import math

import numpy as np
import pytest
import torch
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import Callback, ModelCheckpoint

from dlheir import retrieval
from dlheir.callbacks.threshold import FitThreshold
from dlheir.data import Augmentation, PictureFolder
from dlheir.errors import InputError
from dlheir.objectives import Objective, list_objectives, objective_class
from dlheir.rates import schedule_of
from dlheir.task import VALIDATION_METRIC, HashingTask

BITS, SIDE = 8, 32
SETTINGS = {"name": "dlheir_nano", "bits": BITS, "num_classes": 3, "image_size": SIDE}
# Batch norm takes away what this bias adds: rounding alone moves it, or nothing does.
IDLE = "hash_layer.conv.bias"


@pytest.fixture(scope="module")
def root(make_pictures):
    return make_pictures({"a": 8, "b": 8, "c": 8})


@pytest.fixture
def fit(root, tmp_path):
    """Train a tiny network on 6 x 3 pictures and return trainer, task and data."""

    def fit(data=None, trainer=None, callbacks=(), **settings):
        torch.manual_seed(0)
        datamodule = PictureFolder(
            str(root), image_size=SIDE, batch_size=6, workers=0, **(data or {})
        )
        task = HashingTask(**SETTINGS | {"learning_rate": 0.1} | settings)
        options = {
            "max_epochs": 1,
            "accelerator": "cpu",
            "logger": False,
            "enable_checkpointing": any(isinstance(c, ModelCheckpoint) for c in callbacks),
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "num_sanity_val_steps": 0,
            "use_distributed_sampler": False,
            "default_root_dir": str(tmp_path),
        } | (trainer or {})
        runner = Trainer(callbacks=list(callbacks), **options)
        runner.fit(task, datamodule=datamodule)
        return runner, task, datamodule

    return fit


def activations_of(task, data, names):
    """The network's activations of pictures, one at a time and without Lightning."""
    network = task.network.eval()
    with torch.no_grad():
        images = [network.transform(path) for path in data.paths(names)]
        return torch.cat([network.activations(image[None]) for image in images]).numpy()


def state_of(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


# ---------------------------------------------------------------- rates


def test_parameter_groups():
    task = HashingTask(**SETTINGS, learning_rate=0.5, backbone_lr_scale=0.1, weight_decay=0.01)
    groups = task._parameter_groups()
    backbone = set(map(id, task.network.features.parameters()))
    seen = {}
    for group in groups:
        for parameter in group["params"]:
            seen[id(parameter)] = True
            in_backbone = id(parameter) in backbone
            assert group["lr"] == pytest.approx(0.05 if in_backbone else 0.5)
            assert group["weight_decay"] == (0.01 if parameter.ndim > 1 else 0.0)
    assert seen.keys() == {id(parameter) for parameter in task.parameters()}
    assert sum(len(group["params"]) for group in groups) == len(seen)


def test_warm_up_and_cosine_by_hand():
    factor = schedule_of("cosine", warmup=3, steps=11)
    assert [factor(step) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]
    assert factor(7) == pytest.approx(0.5)  # half way from 3 to 11
    assert factor(5) == pytest.approx((1 + math.sqrt(0.5)) / 2)  # a quarter: 45 degrees
    assert factor(11) == factor(12) == 0.0


def test_constant_by_hand():
    factor = schedule_of("constant", warmup=1, steps=5)
    assert [factor(step) for step in range(6)] == [0.5, 1, 1, 1, 1, 1]


def test_rates_in_training_follow_the_schedule(fit):
    rates = []

    class Rates(Callback):
        def on_train_batch_end(self, trainer, *_):
            rates.append([group["lr"] for group in trainer.optimizers[0].param_groups])

    # 18 pictures in batches of 6: 3 steps an epoch, so 1.5 epochs of warm-up round to 4 steps.
    fit(
        trainer={"max_epochs": 3},
        callbacks=[Rates()],
        schedule="cosine",
        warmup_epochs=1.5,
        backbone_lr_scale=0.5,
    )
    # What stands there after a step is the next step's: the first is not seen.
    expected = [0.1 * f for f in (0.4, 0.6, 0.8, 1.0)]
    expected += [0.05 * (1 + math.cos(math.pi * done / 5)) for done in range(1, 6)]
    assert [step[-1] for step in rates] == pytest.approx(expected, abs=1e-12)
    assert [step[0] for step in rates] == pytest.approx([r / 2 for r in expected], abs=1e-12)


def test_warm_up_counts_epochs_also_where_steps_are_limited(fit):
    trainer, _, _ = fit(trainer={"max_epochs": 200, "max_steps": 2}, warmup_epochs=1)
    assert trainer.optimizers[0].param_groups[-1]["lr"] == pytest.approx(0.1 * 3 / 4)


@pytest.mark.parametrize(
    "settings",
    [
        {"learning_rate": 0.0},
        {"momentum": 1.0},
        {"weight_decay": -1e-9},
        {"backbone_lr_scale": 0.0},
        {"frozen_layers": -1},
        {"frozen_layers": 99},
        {"warmup_epochs": -1.0},
        {"threshold": 0.0},
        {"threshold": 1.0},
        {"objective": "nonsense"},
        {"bits": 0},
    ],
)
def test_settings_out_of_range(settings):
    with pytest.raises(InputError):
        HashingTask(**SETTINGS | settings)


# ---------------------------------------------------------------- training


@pytest.mark.parametrize("count", [5, "all"])
def test_frozen_layers_keep_weights_and_statistics(fit, count):
    torch.manual_seed(0)
    network = HashingTask(**SETTINGS).network
    before = state_of(network)
    layers = [name for name, _ in network.features.named_children()]
    frozen = tuple(f"features.{name}." for name in (layers if count == "all" else layers[:count]))
    _, task, _ = fit(
        data={"validation_share": 0.25}, trainer={"max_epochs": 2}, frozen_layers=count
    )
    # No gradients are computed for them either: that is what makes it fast.
    parameters = task.network.named_parameters()
    assert all(p.requires_grad != name.startswith(frozen) for name, p in parameters)
    after = task.network.state_dict()
    for name in before.keys() - {IDLE}:
        unmoved = name == "threshold" or name.startswith(frozen)
        assert torch.equal(before[name], after[name]) == unmoved, name


def test_training_moves_everything(fit):
    torch.manual_seed(0)
    before = state_of(HashingTask(**SETTINGS).network)
    _, task, _ = fit()
    after = task.network.state_dict()
    for name in before.keys() - {IDLE}:
        assert torch.equal(before[name], after[name]) == (name == "threshold"), name


def test_training_learns_classes_by_colour(fit):
    _, task, data = fit(data={"validation_share": 0.25}, trainer={"max_epochs": 8})
    codes = retrieval.binarize(activations_of(task, data, data.split.database), 0.5)
    asked = retrieval.binarize(activations_of(task, data, data.split.queries), 0.5)
    found = retrieval.evaluate(
        asked, data.labels(data.split.queries), codes, data.labels(data.split.database), ks=(5,)
    )
    assert found["expected_precision"]["5"] > 0.8  # Chance is 1/3.


def test_random_state_does_not_matter(fit):
    class Disturb(Callback):
        def on_train_batch_start(self, *_):
            torch.rand(7)

    data = {"augmentation": Augmentation(jitter=0.5)}
    calm, disturbed = (state_of(fit(data, callbacks=c)[1].network) for c in ([], [Disturb()]))
    assert all(torch.equal(calm[name], disturbed[name]) for name in calm)


@pytest.mark.parametrize("settings", [{"channels_last": False}, {"nesterov": True}])
def test_options_train(fit, settings):
    _, task, _ = fit(**settings)
    assert all(torch.isfinite(p).all() for p in task.parameters())


def test_bf16_mixed(fit):
    trainer, task, _ = fit(
        data={"validation_share": 0.25}, trainer={"precision": "bf16-mixed"}, threshold="median"
    )
    assert 0 <= trainer.callback_metrics[VALIDATION_METRIC] <= 1
    assert task.network.threshold.dtype == torch.float32
    assert {p.dtype for p in task.parameters()} == {torch.float32}


def test_hyperparameters_are_plain():
    hparams = dict(HashingTask(**SETTINGS).hparams)
    assert hparams["objective"] == "cross_entropy"
    assert hparams["network"] | SETTINGS == hparams["network"]


# ---------------------------------------------------------------- thresholds


def test_threshold_is_fixed_where_it_is_a_number(fit):
    _, task, _ = fit(callbacks=[FitThreshold()], threshold=0.25)
    assert (task.network.threshold == 0.25).all()


@pytest.mark.parametrize("validation_share", [0.0, 0.25])
def test_median_over_the_training_set_is_in_the_checkpoint(fit, tmp_path, validation_share):
    saving = ModelCheckpoint(dirpath=tmp_path, filename="last", save_on_train_epoch_end=True)
    _, task, data = fit(
        data={"validation_share": validation_share},
        trainer={"max_epochs": 2},
        callbacks=[saving, FitThreshold()],
        threshold="median",
    )
    saved = torch.load(tmp_path / "last.ckpt", weights_only=True)["state_dict"]
    task.load_state_dict(saved)
    expected = np.median(activations_of(task, data, data.split.training), axis=0)
    np.testing.assert_allclose(saved["network.threshold"].numpy(), expected, atol=1e-6)
    assert not np.allclose(expected, 0.5, atol=1e-3)


# ---------------------------------------------------------------- validation


def test_validation_metric_is_that_of_the_networks_codes(fit):
    trainer, task, data = fit(data={"validation_share": 0.25}, threshold="median")
    codes = [
        retrieval.binarize(activations_of(task, data, names), task.network.threshold.numpy())
        for names in (data.split.validation, data.split.training)
    ]
    found = retrieval.evaluate(
        codes[0],
        data.labels(data.split.validation),
        codes[1],
        data.labels(data.split.training),
        ks=(20,),
    )
    logged = trainer.callback_metrics
    assert logged[VALIDATION_METRIC].item() == pytest.approx(found["expected_precision"]["20"])
    assert logged["val_expected_mAP"].item() == pytest.approx(found["expected_map"])


def test_no_validation_part_no_validation(fit):
    trainer, _, _ = fit()
    assert VALIDATION_METRIC not in trainer.callback_metrics


# ---------------------------------------------------------------- objectives


def trained_objectives():
    return [n for n in list_objectives() if issubclass(objective_class(n), Objective)]


@pytest.mark.parametrize("name", trained_objectives())
def test_every_objective_trains_the_hash_layer(fit, name):
    """And the classifier only if it uses it: DDP refuses parameters without a gradient."""
    torch.manual_seed(0)
    before = state_of(HashingTask(**SETTINGS, objective=name).network)
    _, task, _ = fit(objective=name)
    after = state_of(task.network)
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert {"hash_layer.conv.weight", "features.conv0.weight"} <= changed
    uses_classifier = objective_class(name).uses_classifier
    assert ("classifier.weight" in changed) == uses_classifier
    assert task.network.classifier.weight.requires_grad == uses_classifier
    assert ("train_accuracy" in task.trainer.callback_metrics) == uses_classifier
    assert task.network.settings["hash_order"] == objective_class(name).hash_order


def test_an_objective_hears_how_far_training_is(fit):
    _, task, _ = fit(objective="hashnet", trainer={"max_epochs": 2})
    steps = task.global_step
    told = HashingTask(**SETTINGS, objective="hashnet").objective
    told.advance((steps - 1) / steps)
    assert task.objective.beta == pytest.approx(told.beta)
    assert told.beta > 1


def test_the_users_hash_order_wins_over_the_objectives():
    task = HashingTask(**SETTINGS, objective="csq", hash_order="sigmoid_first")
    assert task.network.hash_layer.order == "sigmoid_first"
